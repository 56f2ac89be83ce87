import { expect, test } from "bun:test";
import { hinder, openOutboxRig } from "./rig.ts";

test("the final words wait for a preview that is on its way, and take its place", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform } = rig;
	const { promise, resolve } = Promise.withResolvers<void>();
	hinder(
		rig,
		({ text }) => text === "half",
		() => promise,
	);
	const run = rig.turn("run-1");
	run.say("half");
	await clock.advance(1_000);
	run.say(" and half");
	let isSafe = false;
	const ended = run.end().then(() => {
		isSafe = true;
	});
	await clock.advance(5_000);
	expect(isSafe).toBe(false);
	resolve();
	await ended;
	await clock.advance(5_000);
	expect(platform.told("send", "edit")).toEqual([
		"send half",
		"edit half and half",
	]);
	expect(platform.chat("777")).toEqual(["half and half"]);
});

/** When the platform was asked for something other than typing. */
const timesOf = ({ calls }: { calls: { kind: string; at: number }[] }) =>
	calls.flatMap(({ kind, at }) => (kind === "typing" ? [] : [at]));

test("final words that replace what is shown keep the pause between two edits, each of them", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform } = rig;
	rig.turn("run-1").say("one|two|three");
	await clock.advance(5_000);
	await rig.restart();
	const run = rig.turn("run-1");
	run.say("1|2|3");
	await clock.advance(300);
	await run.end();
	await clock.advance(10_000);
	expect(platform.chat("777")).toEqual(["1", "2", "3"]);
	const times = timesOf(platform);
	const pauses = times.slice(1).map((at, n) => at - (times[n] ?? 0));
	expect(pauses).toHaveLength(5);
	expect(Math.min(...pauses)).toBeGreaterThanOrEqual(1_000);
});

test("a preview that surely failed leaves nothing that the final words have to look for", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform } = rig;
	platform.fail({ kind: "send", code: "peer_unavailable" });
	const run = rig.turn("run-1");
	run.say("half");
	await clock.advance(1_000);
	expect(platform.told("send")).toEqual(["send half"]);
	run.say(" and half");
	await run.end();
	await clock.advance(10_000);
	const sends = platform.calls.filter(({ kind }) => kind === "send");
	expect(sends.map(({ text, triedAt }) => [text, triedAt])).toEqual([
		["half", undefined],
		["half and half", undefined],
	]);
});

test("a turn that is left to the next start is not in the way of another answer", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform } = rig;
	const run = rig.turn("run-1");
	run.say("half");
	await clock.advance(1_000);
	run.postpone();
	rig.turn("run-2").say("another");
	await clock.advance(5_000);
	expect(platform.chat("777")).toEqual(["half", "another"]);
});

test("a chat that wants to be left alone is, by previews as by what is hurried, also when all else is over", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox } = rig;
	const wait = { code: "peer_unavailable", retryAfterMs: 7_000 } as const;
	platform.fail({ kind: "send", ...wait });
	await outbox.say("777", { text: "one" });
	await clock.advance(10);
	outbox.hurry();
	await clock.advance(6_000);
	expect(platform.told("send")).toEqual(["send one"]);
	await clock.advance(1_000);
	expect(platform.chat("777")).toEqual(["one"]);

	platform.fail({ kind: "send", ...wait });
	const run = rig.turn("run-1");
	run.say("half");
	await clock.advance(1_000);
	run.postpone();
	expect(platform.told("send").at(-1)).toBe("send half");
	await outbox.say("888", { text: "elsewhere" });
	await outbox.say("777", { text: "two" });
	await clock.advance(5_500);
	expect(platform.chat("777")).toEqual(["one"]);
	expect(platform.chat("888")).toEqual(["elsewhere"]);
	await clock.advance(1_500);
	expect(platform.chat("777")).toEqual(["one", "two"]);
});

test("an edit that is told to wait closes its chat to the words behind it", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox } = rig;
	const run = rig.turn("run-1");
	run.say("half");
	await clock.advance(1_000);
	platform.fail({
		kind: "edit",
		code: "peer_unavailable",
		retryAfterMs: 9_000,
	});
	run.say(" and half");
	await clock.advance(1_000);
	expect(platform.told("edit")).toHaveLength(1);
	run.postpone();
	await outbox.say("777", { text: "aside" });
	await clock.advance(7_500);
	expect(platform.chat("777")).toEqual(["half"]);
	await clock.advance(1_500);
	expect(platform.chat("777")).toEqual(["half", "aside"]);
});

test("typing ends as soon as the outbox begins to close", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox } = rig;
	platform.fail({ kind: "send", code: "peer_unavailable", times: 1_000 });
	rig.turn("run-1");
	await outbox.say("777", { text: "waits" });
	await clock.advance(5_000);
	expect(platform.told("typing")).toHaveLength(2);
	const hurry = new AbortController();
	const closed = outbox.close(hurry.signal);
	await clock.advance(9_000);
	hurry.abort();
	await closed;
	expect(platform.told("typing")).toHaveLength(2);
});
