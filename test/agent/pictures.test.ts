// What becomes of pictures in a conversation: which are sent, and that none of them can spoil it.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openAeon } from "../../src/app.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import { openTestAeon, SESSION, type TestAeon } from "../support/aeon.ts";
import {
	type FakeAnswer,
	type FakeRequest,
	startFakeLlm,
} from "../support/fake_llm.ts";
import { HEIC, heavyPng, picture } from "../support/pictures.ts";

const REFUSED =
	"[The model refused a picture, so all pictures up to here are left out]";
const STRICT =
	"[The model refused the whole conversation, so the earlier messages were left out. /new starts afresh]";

/** An Aeon whose model answers by this script; sections beside its own go into the agent. */
async function scripted(
	script: (request: FakeRequest, n: number) => FakeAnswer,
	agent: object = {},
) {
	const llm = await startFakeLlm({ api: "anthropic", script });
	const it = await openTestAeon({
		provider: "anthropic",
		model: "fake-1",
		api_key: "test-key",
		base_url: llm.url,
		context_window: 100_000,
		...agent,
	});
	return Object.assign(it, { llm, [Symbol.dispose]: () => llm.stop() });
}

/** Says something with pictures, whose bytes are put into the workspace first. */
async function show(it: TestAeon, text: string, files: Uint8Array[]) {
	const attachments = files.map((bytes, n) => {
		const path = join(it.workspace, `${text.replaceAll(" ", "-")}-${n}.png`);
		writeFileSync(path, bytes);
		return { path, mimeType: "image/png" };
	});
	const result = await it.host.receive({
		sessionKey: SESSION,
		text,
		attachments,
	});
	return { ...result, paths: attachments.map(({ path }) => path) };
}

function countPictures(request: FakeRequest | undefined): number {
	return (
		JSON.stringify(request?.body.messages).split('"type":"image"').length - 1
	);
}

function saysOf(request: FakeRequest | undefined, text: string): boolean {
	return JSON.stringify(request?.body.messages).includes(text);
}

function refusal(status = 400): FakeAnswer {
	const error = {
		type: "invalid_request_error",
		message: "Could not process image",
	};
	return { status, body: { type: "error", error } };
}

test("a refused picture is left out of the conversation for good, through a restart, and told once", async () => {
	const script = (request: FakeRequest, n: number) =>
		countPictures(request) > 0 ? refusal() : { text: `answer ${n}` };
	await using it = await scripted(script);
	using _ = it;
	await it.say("remember the number 42");
	const dot = await picture("png", 8, 8);
	const { text, error, paths } = await show(it, "look at this", [dot]);
	expect(error).toBeUndefined();
	expect(text).toBe(`answer 2\n\n${REFUSED}`);
	const retried = it.llm.requests[2];
	expect(saysOf(retried, "remember the number 42")).toBe(true);
	expect(saysOf(retried, `[image omitted: ${paths[0]}]`)).toBe(true);

	expect((await it.say("and now?")).text).toBe("answer 3");
	await it.aeon.close();
	const { home } = it;
	const settings = await loadSettings({
		env: {},
		cwd: home,
		home,
		needs: "everything",
	});
	await using aeon = await openAgain(settings, home);
	const later = await aeon.host.receive({
		sessionKey: SESSION,
		text: "still?",
	});
	expect(later.text).toBe("answer 4");
	expect(it.llm.requests.map(countPictures)).toEqual([0, 1, 0, 0, 0]);
	expect(saysOf(it.llm.requests[4], "[image omitted: ")).toBe(true);
	expect(it.llm.breaches).toEqual([]);
});

async function openAgain(
	settings: Parameters<typeof openAeon>[0],
	home: string,
) {
	const aeon = await openAeon(settings, {
		home,
		logLevel: "debug",
		warn: () => {},
	});
	const host = aeon.addDialog({
		name: "cli",
		start: async () => {},
		stop: async () => {},
		send: async () => undefined,
	});
	return { host, [Symbol.asyncDispose]: () => aeon.close() };
}

test("a picture that comes after a refused one is sent", async () => {
	await using it = await scripted((_request, n) =>
		n === 0 ? refusal() : { text: `answer ${n}` },
	);
	using _ = it;
	const dot = await picture("png", 8, 8);
	await show(it, "bad", [dot]);
	const { text } = await show(it, "good", [dot]);
	expect(text).toBe("answer 2");
	expect(it.llm.requests.map(countPictures)).toEqual([1, 0, 1]);
});

test("a picture that a tool shows and the model refuses is left out in the same turn", async () => {
	await using it = await scripted((request, n) => {
		if (countPictures(request) > 0) return refusal();
		if (n > 2) return { text: "Done." };
		const path = n === 0 ? "dot.png" : "none.txt";
		return { toolCalls: [{ id: `c${n}`, name: "file_read", input: { path } }] };
	});
	using _ = it;
	writeFileSync(join(it.workspace, "dot.png"), await picture("png", 8, 8));
	const { text, error } = await it.say("look");
	expect(error).toBeUndefined();
	expect(text).toBe(`${REFUSED}\n\nDone.`);
	expect(it.llm.requests.map(countPictures)).toEqual([0, 1, 0, 0]);
	expect(it.llm.breaches).toEqual([]);
});

test("a model that takes no pictures at all answers without them, whatever status it refuses them with", async () => {
	for (const status of [400, 404, 413, 415, 422]) {
		await using it = await scripted((request) =>
			countPictures(request) > 0 ? refusal(status) : { text: "Blind." },
		);
		using _ = it;
		const { text } = await show(it, "look", [await picture("png", 8, 8)]);
		expect(text).toBe(`Blind.\n\n${REFUSED}`);
	}
});

test("only a conversation that is refused without its pictures, too, is left out", async () => {
	await using it = await scripted((request, n) =>
		saysOf(request, "poison") || countPictures(request) > 0
			? n === 0
				? { text: "fine" }
				: refusal()
			: { text: "alone" },
	);
	using _ = it;
	await it.say("poison");
	const { text } = await show(it, "look", [await picture("png", 8, 8)]);
	expect(text).toBe(`alone\n\n${STRICT}`);
	expect(it.llm.requests.map(countPictures)).toEqual([0, 1, 0, 0]);
	expect(saysOf(it.llm.requests[2], "poison")).toBe(true);
	expect(saysOf(it.llm.requests[3], "poison")).toBe(false);
});

test("a wrong key, or a model that is busy, is no reason to leave pictures out", async () => {
	await using it = await scripted(() => refusal(401));
	using _ = it;
	const { error } = await show(it, "look", [await picture("png", 8, 8)]);
	expect(error?.code).toBe("llm_rejected");
	expect(it.llm.requests.map(countPictures)).toEqual([1]);
});

test("of 25 pictures the last 20 are sent, and the others named", async () => {
	await using it = await scripted(() => ({ text: "Many." }));
	using _ = it;
	const dot = await picture("png", 8, 8);
	const { paths, error } = await show(it, "album", Array(25).fill(dot));
	expect(error).toBeUndefined();
	expect(countPictures(it.llm.requests[0])).toBe(20);
	const omitted = paths.filter((path) =>
		saysOf(it.llm.requests[0], `[image omitted: ${path}]`),
	);
	expect(omitted).toEqual(paths.slice(0, 5));
});

test("pictures go as far as half of the model's window does", async () => {
	await using it = await scripted(() => ({ text: "Few." }), {
		context_window: 16_000,
		max_tokens: 1000,
		tools: [],
	});
	using _ = it;
	const dot = await picture("png", 8, 8);
	const { error } = await show(it, "album", Array(10).fill(dot));
	expect(error).toBeUndefined();
	expect(countPictures(it.llm.requests[0])).toBe(4);
});

test("pictures of three turns are sent, and older ones named", async () => {
	await using it = await scripted((_request, n) => ({ text: `answer ${n}` }));
	using _ = it;
	const dot = await picture("png", 8, 8);
	const { paths } = await show(it, "first", [dot]);
	for (const word of ["second", "third", "fourth"]) await show(it, word, [dot]);
	expect(it.llm.requests.map(countPictures)).toEqual([1, 2, 3, 3]);
	expect(saysOf(it.llm.requests[3], `[image omitted: ${paths[0]}]`)).toBe(true);
});

test("what no provider takes is named and not sent: 6 MB, 9,000 pixels, no picture, HEIC", async () => {
	await using it = await scripted(() => ({ text: "I see none." }));
	using _ = it;
	const { paths, error } = await show(it, "look", [
		await heavyPng(6_000_000),
		await picture("png", 9000, 12),
		Buffer.from("no picture at all"),
		HEIC,
	]);
	expect(error).toBeUndefined();
	const [request] = it.llm.requests;
	expect(countPictures(request)).toBe(0);
	const [heavy, wide, fake, heic] = paths;
	for (const note of [
		`[${heavy}: too large to send]`,
		`[${wide}: too large to send]`,
		`[${fake}: not a picture any more]`,
		`[${heic}: not a picture any more]`,
	])
		expect(saysOf(request, note)).toBe(true);
	expect(it.llm.requests).toHaveLength(1);
});

test("the last pictures are sent that have 12 MB together", async () => {
	await using it = await scripted(() => ({ text: "Heavy." }));
	using _ = it;
	const heavy = await heavyPng(3_500_000);
	const { paths } = await show(it, "album", Array(5).fill(heavy));
	const [request] = it.llm.requests;
	expect(countPictures(request)).toBe(3);
	for (const path of paths.slice(0, 2))
		expect(saysOf(request, `[image omitted: ${path}]`)).toBe(true);
});
