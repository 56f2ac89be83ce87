import { expect, test } from "bun:test";
import { Secret } from "../../src/core/secret.ts";
import { openTranscriber } from "../../src/media/transcriber.ts";
import { transcriptionSchema } from "../../src/settings/transcription_schema.ts";
import {
	type FakeTranscript,
	startFakeTranscriber,
} from "../support/fake_transcriber.ts";
import { until } from "../support/until.ts";

const KEY = "sk-canary-0123456789abcdef";

const RECORDING = {
	name: "audio.ogg",
	mimeType: "audio/ogg",
	bytes: new Uint8Array(2_000).fill(7),
};

const STAYS = new AbortController().signal;

test("model, language and key go along, and only where they are set", async () => {
	using ear = await startFakeTranscriber(() => ({ text: " Hallo. " }));
	const whole = openTranscriber({
		base_url: `${ear.url}/`,
		api_key: new Secret(KEY),
		model: "whisper-1",
		language: "de",
	});
	expect(await whole.transcribe(RECORDING, STAYS)).toBe("Hallo.");
	const host = ear.url.replace("/v1", "");
	const bare = openTranscriber({ base_url: host, model: "tiny" });
	expect(await bare.transcribe(RECORDING, STAYS)).toBe("Hallo.");
	const file = { name: "audio.ogg", type: "audio/ogg", size: 2_000 };
	const path = "/v1/audio/transcriptions";
	expect(ear.requests).toEqual([
		{
			path,
			authorization: `Bearer ${KEY}`,
			model: "whisper-1",
			language: "de",
			file,
		},
		{ path, authorization: null, model: "tiny", language: null, file },
	]);
	expect(ear.breaches).toEqual([]);
});

test("a refusal is a sentence with status and reason, which never shows the key", async () => {
	const failures: [FakeTranscript, code: string, sentence: string][] = [
		[
			{ status: 401, body: `{"error":{"message":"Wrong key: ${KEY}"}}` },
			"peer_rejected",
			"HOST said 401: Wrong key: ***",
		],
		[
			{ status: 429, body: '{"detail":"slow\\ndown"}' },
			"peer_unavailable",
			"HOST said 429: slow down",
		],
		[
			{ status: 502, body: "<html>Bad gateway</html>" },
			"peer_unavailable",
			"HOST said 502",
		],
		[
			{ status: 500, body: "x".repeat(5_000) },
			"peer_unavailable",
			`HOST said 500: ${"x".repeat(300)}`,
		],
		[
			{ body: "it says hello" },
			"peer_rejected",
			"HOST answered with something that is no transcript",
		],
		[
			{ status: 307, headers: { location: "http://127.0.0.1:1/steal" } },
			"peer_rejected",
			"HOST said 307",
		],
	];
	using ear = await startFakeTranscriber((n) => failures[n]?.[0] ?? {});
	const options = { base_url: ear.url, api_key: new Secret(KEY), model: "m" };
	for (const [, code, sentence] of failures) {
		const failed = await openTranscriber(options)
			.transcribe(RECORDING, STAYS)
			.catch((error) => error);
		const message = sentence.replace("HOST", new URL(ear.url).host);
		expect({ code: failed.code, message: failed.message }).toEqual({
			code,
			message,
		});
		expect(Bun.inspect(failed)).not.toContain(KEY);
	}
});

test("one that cannot be reached, breaks off, or does not answer in time is told apart", async () => {
	using ear = await startFakeTranscriber((n) => ({
		instead: n === 0 ? "hang" : "reset",
	}));
	const options = { base_url: ear.url, model: "m" };
	const { host } = new URL(ear.url);
	const slow = openTranscriber(options, 50).transcribe(RECORDING, STAYS);
	expect(slow).rejects.toMatchObject({
		code: "peer_silent",
		message: `${host} did not answer within 0.05 s`,
	});
	await slow.catch(() => {});
	const broken = openTranscriber(options).transcribe(RECORDING, STAYS);
	expect(broken).rejects.toMatchObject({
		code: "peer_unavailable",
		message: `${host} cannot be reached: the connection broke`,
	});
	await broken.catch(() => {});
	const nowhere = { ...options, base_url: "http://127.0.0.1:1/v1" };
	expect(
		openTranscriber(nowhere).transcribe(RECORDING, STAYS),
	).rejects.toMatchObject({
		code: "peer_unavailable",
		message: "127.0.0.1:1 cannot be reached: connection refused",
	});
});

test("an abort ends it with its own reason", async () => {
	using ear = await startFakeTranscriber(() => ({ instead: "hang" }));
	const controller = new AbortController();
	const reason = new Error("stopped");
	const work = openTranscriber({
		base_url: ear.url,
		model: "m",
	}).transcribe(RECORDING, controller.signal);
	await until(() => ear.requests.length > 0);
	controller.abort(reason);
	expect(work).rejects.toBe(reason);
	await work.catch(() => {});
});

test("the section names what it needs, and hides its key", () => {
	const read = transcriptionSchema.safeParse({
		base_url: "http://127.0.0.1:8080/v1",
		api_key: KEY,
		model: "whisper-1",
		language: "de",
	});
	expect(JSON.stringify(read.data)).toBe(
		'{"base_url":"http://127.0.0.1:8080/v1","api_key":"***","model":"whisper-1","language":"de"}',
	);
	for (const wrong of [
		{ model: "m" },
		{ base_url: "ftp://x/", model: "m" },
		{ base_url: "http://x/", model: "" },
		{ base_url: "http://x/", model: "m", language: "Deutsch" },
		{ base_url: "http://x/", model: "m", key: "k" },
	])
		expect(transcriptionSchema.safeParse(wrong).success).toBe(false);
});
