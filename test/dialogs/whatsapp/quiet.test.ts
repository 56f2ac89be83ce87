import { afterEach, beforeEach, expect, test } from "bun:test";
import type { GraphClient } from "../../../src/dialogs/whatsapp/client.ts";
import { leavingAlone } from "../../../src/dialogs/whatsapp/quiet.ts";
import { type FakeClock, fakeClock } from "../../support/fake_clock.ts";
import {
	type FakeWhatsApp,
	startFakeWhatsApp,
} from "../../support/fake_whatsapp.ts";
import {
	ANNA,
	BERT,
	clientOf,
	failureOf,
	NEVER,
	outbound,
	readAll,
	short,
} from "./graph.ts";

let whatsapp: FakeWhatsApp;
let clock: FakeClock;
let client: GraphClient;

beforeEach(async () => {
	clock = fakeClock();
	whatsapp = await startFakeWhatsApp({ clock });
	client = leavingAlone(clientOf(whatsapp), clock);
});

afterEach(async () => {
	expect(whatsapp.violations).toEqual([]);
	await whatsapp.stop();
});

const say = (to = ANNA) =>
	client.send({ to, type: "text", text: { body: "hello" } });

const read = () => client.markRead(whatsapp.say(ANNA, "hi"), true);
const upload = () => client.upload(outbound("a.txt", "text/plain"));
const fetchFile = () => {
	const { id } = whatsapp.addFile(new Uint8Array(9), "image/jpeg");
	return readAll(client.download(id, NEVER));
};

const asked = () => whatsapp.calls.splice(0).map(({ method }) => method);

test("a number that is to be left alone is asked nothing, and the others are written to", async () => {
	whatsapp.fail({ method: "messages", code: 131056, retryAfter: 8 });
	await failureOf(say());
	await clock.advance(3_000);
	expect(short(await failureOf(say()))).toEqual({
		code: "peer_unavailable",
		message:
			"WhatsApp wants fewer messages at a time to this number. WhatsApp said 131056: (Business Account, Consumer Account) pair rate limit hit",
		status: 400,
		retryAfterMs: 5_000,
	});
	expect((await failureOf(say(ANNA.slice(1)))).retryAfterMs).toBe(5_000);
	await say(BERT);
	await fetchFile();
	await upload();
	await read();
	expect(asked()).toEqual([
		"messages",
		"messages",
		"describe",
		"download",
		"media",
		"read",
	]);
	await clock.advance(5_000);
	await say();
	expect(whatsapp.visible(ANNA)).toHaveLength(1);
});

test("while the account is limited in its messages nothing is sent, and files that come in are fetched", async () => {
	for (const [code, pauseMs] of [
		[130429, 10_000],
		[131048, 3_600_000],
		[368, 3_600_000],
		[131042, 1_800_000],
	] as const) {
		whatsapp.fail({ method: "messages", code });
		expect((await failureOf(say())).retryAfterMs).toBe(pauseMs);
		await clock.advance(1_000);
		asked();
		for (const call of [say(BERT), say(), upload(), read()])
			expect((await failureOf(call)).retryAfterMs).toBe(pauseMs - 1_000);
		expect(asked()).toEqual([]);
		await fetchFile();
		await client.probe();
		expect(asked()).toEqual(["describe", "download", "probe"]);
		await clock.advance(pauseMs - 1_000);
		await say(BERT);
	}
});

test("while calls are limited nothing at all is asked, wherever that was said", async () => {
	for (const [method, ask] of [
		["messages", say],
		["describe", fetchFile],
		["probe", () => client.probe()],
		["media", upload],
		["read", read],
	] as const) {
		whatsapp.fail({ method, code: 80007, retryAfter: 60 });
		await failureOf(ask());
		await clock.advance(20_000);
		asked();
		for (const call of [say(), upload(), read(), fetchFile(), client.probe()])
			expect(await failureOf(call)).toMatchObject({
				code: "peer_unavailable",
				retryAfterMs: 40_000,
			});
		expect(asked()).toEqual([]);
		await clock.advance(40_000);
	}
	await say();
});

test("a shorter pause does not end a longer one", async () => {
	whatsapp.fail({ method: "messages", code: 368 });
	whatsapp.fail({ method: "messages", code: 130429 });
	await Promise.all([failureOf(say()), failureOf(say(BERT))]);
	await clock.advance(11_000);
	expect((await failureOf(say())).retryAfterMs).toBe(3_600_000 - 11_000);
});

test("a failure that asks for no pause holds nothing up", async () => {
	for (const code of [131000, 131047, 100, 190]) {
		whatsapp.fail({ method: "messages", code });
		await failureOf(say());
	}
	await say();
	expect(asked()).toHaveLength(5);
});
