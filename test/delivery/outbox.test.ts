import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import type { DialogEvent } from "../../src/core/event.ts";
import { type Logger, silent } from "../../src/core/logger.ts";
import { Outbox } from "../../src/delivery/outbox.ts";
import { sqlite } from "../../src/storage/sqlite.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { type FakeClock, fakeClock } from "../support/fake_clock.ts";
import { temporaryFolder } from "../support/home.ts";
import { createPlatform, type Platform } from "./platform.ts";
import { beginTurn } from "./turn.ts";

let folder: ReturnType<typeof temporaryFolder>;
let store: SessionStore;
let clock: FakeClock;
let platform: Platform;
let outbox: Outbox;
let logged: [event: string, fields: unknown][];
let observed: DialogEvent[];

beforeEach(async () => {
	folder = temporaryFolder();
	store = await sqlite.open({ sessions_db: join(folder.path, "aeon.db") });
	clock = fakeClock();
	platform = createPlatform(clock.now);
	logged = [];
	observed = [];
	outbox = open();
});

afterEach(async () => {
	await outbox.close(AbortSignal.abort());
	await store.close();
	folder[Symbol.dispose]();
});

/** An outbox on the same store and platform, as after a restart. */
function open(front: Partial<SessionStore> = {}): Outbox {
	const note = (event: string, fields?: unknown) =>
		void logged.push([event, fields]);
	const logger: Logger = { ...silent, warn: note, error: note };
	return new Outbox({
		dialog: platform.dialog,
		store: { ...store, ...front },
		clock,
		logger,
		observe: (event) => observed.push(event),
		openFile: () => Promise.reject(new Error("no files here")),
	});
}

async function restart(): Promise<void> {
	await outbox.close(AbortSignal.abort());
	outbox = open();
	await outbox.resume();
}

const turn = (runId: string) => beginTurn(() => outbox, runId);

test("an answer that is whole at once is one message, sent once", async () => {
	const run = turn("run-1");
	run.say("Hello ");
	run.say("you.");
	await run.end();
	await clock.advance(5_000);
	expect(platform.told("send", "edit")).toEqual(["send Hello you."]);
	expect(platform.chat("777")).toEqual(["Hello you."]);
	expect(await store.pendingParts("post")).toEqual([]);
	expect(await store.partsOf("run-1")).toMatchObject([
		{ state: "sent", platformId: "101" },
	]);
});

test("a long answer is one message, edited in place at most once a second, coalesced, and not at all where nothing is new", async () => {
	const run = turn("run-1");
	await clock.advance(0);
	for (let n = 0; n < 50; n++) {
		run.say(`w${n} `);
		await clock.advance(100);
	}
	await clock.advance(10_000);
	await run.end();
	await clock.advance(2_000);
	const times = platform.calls.flatMap(({ kind, at }) =>
		kind === "typing" ? [] : [at],
	);
	const pauses = times.slice(1).map((at, n) => at - (times[n] ?? 0));
	expect(Math.min(...pauses)).toBeGreaterThanOrEqual(1_000);
	expect(times.length).toBeLessThan(8);
	expect(platform.told("send")).toHaveLength(1);
	expect(platform.chat("777")).toHaveLength(1);
	expect(platform.chat("777")[0]).toEndWith("w48 w49 ");
});

test("a tool call is one quiet line, which the final text replaces", async () => {
	const run = turn("run-1");
	run.say("Let me look.");
	run.call("uname `-o`\nx");
	await clock.advance(1_000);
	expect(platform.chat("777")).toEqual([
		"Let me look.\n\n_⚙ `exec uname -o x`_",
	]);
	run.say("\n\nIt is Linux.");
	await run.end();
	await clock.advance(2_000);
	expect(platform.chat("777")).toEqual(["Let me look.\n\nIt is Linux."]);
});

test("an answer beyond one message goes on in the next ones, in order", async () => {
	const run = turn("run-1");
	run.say("one|tw");
	await clock.advance(3_000);
	expect(platform.chat("777")).toEqual(["one", "tw"]);
	run.say("o|three");
	await run.end();
	await clock.advance(5_000);
	expect(platform.chat("777")).toEqual(["one", "two", "three"]);
	expect(platform.told("send")).toHaveLength(3);
});

test("a tool call that would need a message of its own is not shown: that would vanish again", async () => {
	const run = turn("run-1");
	run.say("Let me look.");
	run.call("a|b|c");
	await clock.advance(5_000);
	expect(platform.chat("777")).toEqual(["Let me look."]);
});

/** A turn that has shown three messages, after a restart. */
async function threeShown() {
	const run = turn("run-1");
	run.say("one|two|three");
	await clock.advance(5_000);
	expect(platform.chat("777")).toHaveLength(3);
	await restart();
	return turn("run-1");
}

test("a message that the final text does not need is taken away, after that text is there", async () => {
	const run = await threeShown();
	run.say("short");
	await run.end();
	await clock.advance(5_000);
	expect(platform.chat("777")).toEqual(["short"]);
	expect(platform.told("edit", "remove").slice(-3)).toEqual([
		"edit short",
		"remove",
		"remove",
	]);
});

test("a message that cannot be taken away is no failure that anybody is told of", async () => {
	const run = await threeShown();
	platform.fail({ kind: "remove", code: "peer_rejected", status: 400 });
	run.say("short");
	await run.end();
	await clock.advance(60_000);
	expect(platform.chat("777")).toEqual(["short", "two"]);
	expect(await store.pendingParts("post")).toEqual([]);
	expect(logged).toEqual([]);
});

test("what fails for a while is tried again, slower and slower, and arrives once", async () => {
	platform.fail({ kind: "send", code: "peer_unavailable", times: 12 });
	await outbox.say("777", { text: "hello" });
	await clock.advance(15 * 60_000);
	const times = platform.calls.map(({ at }) => at);
	const pauses = times.slice(1).map((at, n) => at - (times[n] ?? 0));
	expect(pauses).toHaveLength(12);
	expect(pauses[0]).toBeLessThan(1_500);
	expect(Math.max(...pauses)).toBeLessThan(76_000);
	expect(pauses.at(-1)).toBeGreaterThan(44_000);
	expect(platform.chat("777")).toEqual(["hello"]);
});

test("what cannot be delivered for a day is given up with one sentence and a line in the log", async () => {
	platform.fail({ kind: "send", code: "peer_unavailable", times: 2_000 });
	await outbox.say("777", { text: "old news", deliveryId: "delivery-1" });
	for (let hours = 0; hours < 25; hours++) {
		await outbox.close(AbortSignal.abort());
		await clock.advance(60 * 60_000);
		outbox = open();
		await outbox.resume();
		await clock.advance(10);
	}
	expect(await store.partsOf("delivery-1")).toMatchObject([
		{
			state: "failed",
			reason: expect.stringContaining("24 hours"),
		},
	]);
	expect(logged.filter(([event]) => event === "message.failed")).toHaveLength(
		1,
	);
	expect(await store.pendingParts("post")).toMatchObject([
		{ content: { text: expect.stringContaining("could not be sent") } },
	]);
});

test("what is refused is not tried again: one sentence says so, and the log", async () => {
	platform.fail({ kind: "send", code: "peer_rejected", status: 400 });
	await outbox.say("777", { text: "bad", deliveryId: "delivery-1" });
	await clock.advance(60_000);
	expect(platform.chat("777")).toEqual([
		"A part of what I had to say could not be sent. the platform said peer_rejected",
	]);
	expect(logged).toMatchObject([["message.failed", { to: "777" }]]);
	expect(observed.map((one) => "state" in one && one.state)).toEqual([
		"pending",
		"failed",
	]);
});

test("a sentence about a failure that is refused itself ends there", async () => {
	platform.fail({ kind: "send", code: "peer_rejected", status: 400, times: 9 });
	await outbox.say("777", { text: "refused" });
	await clock.advance(60_000);
	expect(platform.calls).toHaveLength(2);
	expect(await store.pendingParts("post")).toEqual([]);
});

test("where nothing reaches a chat any more, nothing is shown, told or tried again, and the log has it", async () => {
	for (const kind of ["send", "edit", "typing"] as const)
		platform.fail({ kind, code: "peer_rejected", status: 403, times: 99 });
	const run = turn("run-1");
	run.say("half");
	await clock.advance(20_000);
	run.say(" and half");
	await clock.advance(20_000);
	await run.end();
	await clock.advance(60_000);
	expect(platform.told("send", "edit", "typing")).toEqual([
		"typing",
		"send half",
		"send half and half",
	]);
	expect(await store.pendingParts("post")).toEqual([]);
	expect(logged).toMatchObject([["message.failed", { delivery: "run-1" }]]);
});

test("a chat that is to be left alone gets nothing at all meanwhile, and other chats go on", async () => {
	const run = turn("run-1");
	run.say("first");
	await clock.advance(500);
	platform.fail({
		kind: "edit",
		code: "peer_unavailable",
		status: 429,
		retryAfterMs: 7_000,
	});
	run.say(" second");
	await clock.advance(1_000);
	const closed = clock.now();
	run.say(" third");
	await outbox.say("777", { text: "aside" });
	await outbox.say("888", { text: "elsewhere" });
	await clock.advance(6_000);
	const meanwhile = platform.calls.filter(
		({ to, at, kind }) => to === "777" && at > closed && kind !== "typing",
	);
	expect(meanwhile).toEqual([]);
	expect(platform.chat("888")).toEqual(["elsewhere"]);
	await run.end();
	await clock.advance(5_000);
	expect(platform.chat("777")).toEqual(["first second third", "aside"]);
});

test("a message whose fate is unknown is looked for from where its chat stood, not just sent again", async () => {
	platform.fail({ kind: "send", code: "peer_silent" });
	await outbox.say("777", { text: "hello" });
	await clock.advance(5_000);
	expect(platform.calls.map(({ triedAt }) => triedAt)).toEqual([
		undefined,
		"100",
	]);
});

test("a try that surely did nothing leaves nothing to be looked for", async () => {
	platform.fail({ kind: "send", code: "peer_unavailable" });
	await outbox.say("777", { text: "hello" });
	await clock.advance(5_000);
	expect(platform.calls.map(({ triedAt }) => triedAt)).toEqual([
		undefined,
		undefined,
	]);
});

test("what is about to be sent when Aeon ends, and is not, is not taken for what may be there", async () => {
	const begun = Promise.withResolvers<void>();
	const disk = Promise.withResolvers<void>();
	const written = Promise.withResolvers<void>();
	outbox = open({
		async saveParts(parts) {
			const isTry = parts.some(({ triedAt }) => triedAt !== undefined);
			if (isTry) begun.resolve();
			if (isTry) await disk.promise;
			await store.saveParts(parts);
			if (isTry) written.resolve();
		},
	});
	await outbox.say("777", { text: "hello" });
	await begun.promise;
	const closed = outbox.close(AbortSignal.abort());
	await clock.advance(0);
	disk.resolve();
	await Promise.all([closed, written.promise]);
	expect(platform.told("send")).toEqual([]);
	const [left] = await store.pendingParts("post");
	expect(left).toMatchObject({ content: { text: "hello" }, attempts: 0 });
	expect(left?.triedAt).toBeUndefined();
});

test("what waits is sent after a restart, in order, and what was under way then is looked for", async () => {
	platform.fail({ kind: "send", code: "peer_unavailable", times: 5 });
	for (const text of ["one", "two", "three"]) await outbox.say("777", { text });
	await clock.advance(0);
	const [first] = await store.pendingParts("post");
	if (first) await store.saveParts([{ ...first, triedAt: "55" }]);
	await restart();
	await clock.advance(5 * 60_000);
	expect(platform.chat("777")).toEqual(["one", "two", "three"]);
	expect(platform.calls.findLast(({ text }) => text === "one")?.triedAt).toBe(
		"55",
	);
	await restart();
	await clock.advance(60_000);
	expect(platform.chat("777")).toHaveLength(3);
});

test("after a restart in mid-answer the same message is edited on", async () => {
	const run = turn("run-1");
	run.say("half of");
	await clock.advance(1_000);
	await restart();
	const again = turn("run-1");
	again.say("half of it is whole");
	await again.end();
	await clock.advance(5_000);
	expect(platform.chat("777")).toEqual(["half of it is whole"]);
	expect(platform.told("send")).toHaveLength(1);
});

test("a preview of which nobody knows whether it arrived is looked for by the final text", async () => {
	platform.fail({ kind: "send", code: "peer_silent", isDone: true });
	const run = turn("run-1");
	run.say("half");
	await clock.advance(1_000);
	run.say(" and half");
	await clock.advance(3_000);
	expect(platform.told("send", "edit")).toEqual(["send half"]);
	await run.end();
	await clock.advance(3_000);
	expect(platform.calls.at(-1)).toMatchObject({
		kind: "send",
		text: "half and half",
		triedAt: "100",
	});
});

test("what comes behind a message of which nobody knows whether it arrived waits for it", async () => {
	platform.fail({ kind: "send", code: "peer_silent" });
	const run = turn("run-1");
	run.say("one|two");
	await clock.advance(10_000);
	expect(platform.told("send")).toEqual(["send one"]);
	await run.end();
	await clock.advance(5_000);
	expect(platform.chat("777")).toEqual(["one", "two"]);
});

test("an edit of which nobody knows whether it was done is not relied on, one way or the other", async () => {
	const run = turn("run-1");
	run.say("Let me look.");
	await clock.advance(1_000);
	platform.fail({ kind: "edit", code: "peer_silent", isDone: true });
	run.call("uname");
	await clock.advance(2_000);
	expect(platform.chat("777")[0]).toContain("uname");
	await run.end();
	await clock.advance(5_000);
	expect(platform.chat("777")).toEqual(["Let me look."]);
});

test("a message that was taken away meanwhile is said anew", async () => {
	const run = turn("run-1");
	run.say("half");
	await clock.advance(1_000);
	platform.fail({ kind: "edit", code: "peer_rejected", status: 400 });
	run.say(" and half");
	await run.end();
	await clock.advance(3_000);
	expect(platform.told("send")).toEqual(["send half", "send half and half"]);
});

test("a turn that failed before it said anything is told in one sentence", async () => {
	await turn("run-1").end({
		code: "llm_unavailable",
		message: "the API said 529",
	});
	await clock.advance(1_000);
	expect(platform.chat("777")).toEqual(["The API said 529"]);
});

test("an end that the store does not take is not told either", async () => {
	outbox = open({
		finishMessages: () => Promise.reject(new Error("disk full")),
	});
	const run = turn("run-1");
	run.say("hello");
	await expect(run.end()).rejects.toThrow("disk full");
	await clock.advance(5_000);
	expect(platform.calls.filter(({ kind }) => kind !== "typing")).toEqual([]);
});

test("answers come in the order of their turns, final words before previews", async () => {
	platform.fail({ kind: "send", code: "peer_unavailable", times: 3 });
	const one = turn("run-1");
	one.say("first");
	await one.end();
	const two = turn("run-2");
	two.say("second");
	await clock.advance(30_000);
	await two.end();
	await clock.advance(30_000);
	expect(platform.chat("777")).toEqual(["first", "second"]);
});

test("what is said with an id is said once, however often, at once, and after a restart", async () => {
	const say = () =>
		outbox.say("777", { text: "hello", deliveryId: "command-1" });
	await Promise.all([say(), say()]);
	await clock.advance(1_000);
	await say();
	await restart();
	await outbox.say("777", { text: "hello", deliveryId: "command-1" });
	await clock.advance(1_000);
	expect(platform.chat("777")).toEqual(["hello"]);
});

test("typing is shown while the turn runs, every four seconds, and never after it, nor for longer than five minutes", async () => {
	const run = turn("run-1");
	await clock.advance(9_000);
	expect(platform.told("typing")).toHaveLength(3);
	await run.end({ code: "cancelled", message: "Stopped." });
	await clock.advance(60_000);
	expect(platform.told("typing")).toHaveLength(3);
	turn("run-2");
	await clock.advance(20 * 60_000);
	expect(platform.told("typing").length).toBeLessThanOrEqual(3 + 76);
});

test("when the platform can be reached again, what waits does not wait any longer", async () => {
	platform.fail({ kind: "send", code: "peer_unavailable", times: 1_000 });
	await outbox.say("777", { text: "hello" });
	await clock.advance(10 * 60_000);
	const last = platform.calls.at(-1)?.at ?? 0;
	await clock.advance(last + 1_000 - clock.now());
	platform.calm();
	outbox.hurry();
	await clock.advance(10);
	expect(platform.chat("777")).toEqual(["hello"]);
});

test("what is taken up while it is on its way is not sent twice", async () => {
	const resumed: Promise<number>[] = [];
	const late = <Name extends "saveParts" | "finishMessages">(name: Name) =>
		(async (...args: never[]) => {
			await (store[name] as (...args: never[]) => Promise<void>)(...args);
			resumed.push(outbox.resume());
			await resumed.at(-1);
		}) as SessionStore[Name];
	outbox = open({
		saveParts: late("saveParts"),
		finishMessages: late("finishMessages"),
	});
	const run = turn("run-1");
	run.say("answer");
	await run.end();
	await outbox.say("777", { text: "aside" });
	await clock.advance(5_000);
	await Promise.all(resumed);
	await clock.advance(5_000);
	expect(resumed.length).toBeGreaterThan(4);
	expect(platform.told("send")).toEqual(["send answer", "send aside"]);
});

test("at its end it waits for what can be sent, and keeps the rest", async () => {
	platform.fail({ kind: "send", code: "peer_unavailable", times: 1_000 });
	await outbox.say("777", { text: "later" });
	const hurry = new AbortController();
	const closed = outbox.close(hurry.signal);
	await clock.advance(1_500);
	hurry.abort();
	await closed;
	expect(await store.pendingParts("post")).toHaveLength(1);
});

test("typing is shown for the message that is answered, as often as the platform needs it", async () => {
	platform.dialog.typingMs = 25_000;
	const run = beginTurn(() => outbox, "run-1", "777", "wamid.1");
	await clock.advance(50_000);
	await run.end();
	await clock.advance(50_000);
	const shown = platform.calls.filter(({ kind }) => kind === "typing");
	const [{ at: begin = 0 } = {}] = shown;
	expect(shown.map(({ text, at }) => [text, at - begin])).toEqual([
		["wamid.1", 0],
		["wamid.1", 24_000],
		["wamid.1", 48_000],
	]);
});

test("what waits after a failure is known, with the last reason, until it is there", async () => {
	expect(outbox.delay).toBeUndefined();
	platform.fail({ kind: "send", code: "peer_unavailable", times: 2 });
	const since = clock.now();
	await outbox.say("777", { text: "hello" });
	await clock.advance(0);
	await outbox.say("888", { text: "hello" });
	await clock.advance(0);
	const reason = "the platform said peer_unavailable";
	expect(outbox.delay).toEqual({ since, parts: 2, reason });
	await clock.advance(60_000);
	expect(platform.chat("777")).toEqual(["hello"]);
	expect(outbox.delay).toBeUndefined();
	platform.fail({ kind: "send", code: "peer_unavailable" });
	platform.fail({ kind: "send", code: "peer_rejected", status: 403 });
	await outbox.say("777", { text: "lost" });
	await clock.advance(60_000);
	expect(outbox.delay).toBeUndefined();
});
