// What is told of messages at an awkward moment: twice, too early, of another one, while something is on its way.

import { expect, test } from "bun:test";
import { AeonError } from "../../src/core/errors.ts";
import { hinder, type OutboxRig, openOutboxRig, PICTURE } from "./rig.ts";

const AGAIN = new AeonError("peer_unavailable", "too many messages at once", {
	retryAfterMs: 10_000,
});

const DELIVERY = "delivery-1";
const NAME = { deliveryId: DELIVERY, part: 0 };

/** Says it and lets it be sent. */
async function say(rig: OutboxRig, text = "hello", more: object = {}) {
	await rig.outbox.say("777", { text, deliveryId: DELIVERY, ...more });
	await rig.clock.advance(0);
}

/** A send that waits until it may go on; others go as always. */
async function sayAndHold(rig: OutboxRig) {
	const { promise, resolve } = Promise.withResolvers<void>();
	let isFirst = true;
	hinder(
		rig,
		() => isFirst,
		() => {
			isFirst = false;
			return promise;
		},
	);
	await say(rig);
	return async () => {
		resolve();
		await rig.clock.advance(0);
	};
}

const statesOf = async ({ store }: OutboxRig) =>
	(await store.partsOf(DELIVERY)).map(({ state }) => state);

const told = ({ observed }: OutboxRig) =>
	observed.flatMap((event) =>
		event.type === "message.outbound" ? [event.state] : [],
	);

test("reports that come at once are taken one after the other", async () => {
	await using rig = await openOutboxRig();
	await say(rig);
	const news = (["read", "delivered", "read"] as const).map((state) =>
		rig.outbox.confirm({ platformId: "101", state }),
	);
	expect(await Promise.all(news)).toEqual([true, false, false]);
	expect(await statesOf(rig)).toEqual(["read"]);
});

test("what is confirmed is kept without what was only for sending it", async () => {
	await using rig = await openOutboxRig();
	const { platform, outbox, clock, store } = rig;
	platform.fail({ kind: "send", code: "peer_silent", isDone: true });
	await say(rig);
	const createdAt = clock.now();
	await outbox.confirm({ platformId: "101", name: NAME, state: "delivered" });
	expect(await store.partsOf(DELIVERY)).toEqual([
		{
			...NAME,
			dialog: "post",
			to: "777",
			content: { text: "hello" },
			state: "delivered",
			platformId: "101",
			attempts: 1,
			createdAt,
		},
	]);
});

test("a report is about its own part, and about its own dialog's", async () => {
	await using rig = await openOutboxRig();
	const { outbox, store, clock } = rig;
	await say(rig, "one|two");
	await clock.advance(1_000);
	const second = { deliveryId: DELIVERY, part: 1 };
	await outbox.confirm({ platformId: "102", name: second, state: "delivered" });
	expect(await statesOf(rig)).toEqual(["sent", "delivered"]);
	const [one] = await store.partsOf(DELIVERY);
	const others = { ...one, deliveryId: "delivery-2", dialog: "mail" } as never;
	await store.saveParts([others]);
	const name = { deliveryId: "delivery-2", part: 0 };
	const isNews = outbox.confirm({ platformId: "1", name, state: "read" });
	expect(await isNews).toBe(false);
	expect(await store.partsOf("delivery-2")).toEqual([others]);
});

test("whoever watches is told each state of a message once, whole, and by its slowest part", async () => {
	await using rig = await openOutboxRig();
	const { platform, outbox, clock } = rig;
	platform.dialog.confirmationMs = 15_000;
	const sessionKey = "agent:main:cli:me";
	platform.fail({ kind: "send", code: "peer_silent", isDone: true });
	await say(rig, "one|two", { sessionKey });
	await outbox.confirm({ platformId: "101", name: NAME, state: "sent" });
	await clock.advance(1_000);
	expect(told(rig)).toEqual(["pending", "sent"]);
	await outbox.confirm({ platformId: "102", state: "delivered" });
	expect(told(rig)).toEqual(["pending", "sent"]);
	await outbox.confirm({ platformId: "101", state: "delivered" });
	expect(told(rig)).toEqual(["pending", "sent", "delivered"]);
	expect(rig.observed.at(-1)).toEqual({
		type: "message.outbound",
		deliveryId: DELIVERY,
		state: "delivered",
		dialog: "post",
		to: "777",
		text: "one\n\ntwo",
		sessionKey,
	});
});

test("that a message was sent is told once, whether its sending was answered or only reported", async () => {
	await using rig = await openOutboxRig();
	rig.platform.dialog.confirmationMs = 15_000;
	rig.platform.fail({ kind: "send", code: "peer_silent", isDone: true });
	await say(rig);
	await rig.outbox.confirm({ platformId: "101", name: NAME, state: "sent" });
	expect(told(rig)).toEqual(["pending", "sent"]);
});

test("a last part that is told to be there before the others are does not stand for all", async () => {
	await using rig = await openOutboxRig();
	const { platform, outbox } = rig;
	platform.dialog.confirmationMs = 15_000;
	platform.fail({ kind: "send", code: "peer_silent", isDone: true, times: 2 });
	await say(rig, "one|two");
	await outbox.confirm({ platformId: "101", name: NAME, state: "sent" });
	await rig.clock.advance(1_000);
	const second = { deliveryId: DELIVERY, part: 1 };
	await outbox.confirm({ platformId: "102", name: second, state: "delivered" });
	expect(told(rig)).toEqual(["pending", "sent"]);
	await outbox.confirm({ platformId: "101", state: "read" });
	await outbox.confirm({ platformId: "102", state: "read" });
	expect(told(rig)).toEqual(["pending", "sent", "read"]);
});

test("what becomes of a turn's answer is no message of its own to whoever watches", async () => {
	await using rig = await openOutboxRig();
	const turn = rig.turn("run-1");
	turn.say("hello");
	await turn.end();
	await rig.clock.advance(0);
	expect(
		await rig.outbox.confirm({ platformId: "101", state: "delivered" }),
	).toBe(true);
	expect(rig.observed).toEqual([]);
});

test("a failure that is told again does not put off what is to be sent once more", async () => {
	await using rig = await openOutboxRig();
	const failed = {
		platformId: "101",
		name: NAME,
		state: "failed",
		error: AGAIN,
	} as const;
	await say(rig);
	expect(await rig.outbox.confirm(failed)).toBe(true);
	await rig.clock.advance(5_000);
	expect(await rig.outbox.confirm(failed)).toBe(false);
	expect(rig.logged).toEqual(["message.delayed"]);
	await rig.clock.advance(5_100);
	expect(rig.platform.told("send")).toEqual(["send hello", "send hello"]);
});

test("what is told to have failed after a try without an answer is sent again without a mark", async () => {
	await using rig = await openOutboxRig();
	rig.platform.fail({ kind: "send", code: "peer_silent" });
	rig.platform.dialog.confirmationMs = 15_000;
	await say(rig);
	await rig.outbox.confirm({
		platformId: "9",
		name: NAME,
		state: "failed",
		error: AGAIN,
	});
	await rig.clock.advance(10_100);
	expect(rig.platform.calls.map(({ triedAt }) => triedAt)).toEqual([
		undefined,
		undefined,
	]);
});

test("a failure without a reason is final, and says that there is none", async () => {
	await using rig = await openOutboxRig();
	await say(rig);
	await rig.outbox.confirm({ platformId: "101", state: "failed" });
	await rig.clock.advance(60_000);
	expect(rig.platform.told("send")).toEqual([
		"send hello",
		"send A part of what I had to say could not be sent. The platform did not say why.",
	]);
	expect(rig.lost.map(({ reason }) => reason)).toEqual([
		"The platform did not say why.",
	]);
});

test("a failure that is told while the message is on its way counts once, when that is over", async () => {
	await using rig = await openOutboxRig();
	const { platform, outbox, clock } = rig;
	platform.dialog.confirmationMs = 15_000;
	const release = await sayAndHold(rig);
	const error = AGAIN;
	await outbox.confirm({
		platformId: "101",
		name: NAME,
		state: "failed",
		error,
	});
	expect(await statesOf(rig)).toEqual(["pending"]);
	await release();
	platform.fail({ kind: "send", code: "peer_silent" });
	await clock.advance(10_100);
	expect(platform.told("send")).toHaveLength(2);
	await clock.advance(15_100);
	expect(platform.calls.map(({ triedAt }) => triedAt)).toEqual([
		undefined,
		undefined,
		expect.any(String),
	]);
});

test("a kill while a message is on its way that was told to have failed does not lose it", async () => {
	await using rig = await openOutboxRig();
	await sayAndHold(rig);
	const error = AGAIN;
	const failed = {
		platformId: "9",
		name: NAME,
		state: "failed",
		error,
	} as const;
	await rig.outbox.confirm(failed);
	await rig.restart();
	await rig.clock.advance(60_000);
	expect(rig.platform.chat("777")).toEqual(["hello"]);
});

test("of reports that nobody is waiting for the last two hundred are kept", async () => {
	for (const [others, state] of [
		[199, "delivered"],
		[200, "sent"],
	] as const) {
		await using rig = await openOutboxRig();
		const release = await sayAndHold(rig);
		await rig.outbox.confirm({ platformId: "1", state: "read" });
		await rig.outbox.confirm({ platformId: "101", state: "delivered" });
		for (let n = 0; n < others; n++)
			await rig.outbox.confirm({ platformId: `x${n}`, state: "read" });
		await release();
		expect(await statesOf(rig)).toEqual([state]);
	}
});

test("a report that cannot be kept when its message is there is written down", async () => {
	await using rig = await openOutboxRig();
	const release = await sayAndHold(rig);
	await rig.outbox.confirm({ platformId: "101", state: "delivered" });
	const { saveParts } = rig.store;
	rig.store.saveParts = async (parts) => {
		if (parts.some(({ state }) => state === "delivered"))
			throw new AeonError("storage_failed", "the disk is full");
		await saveParts(parts);
	};
	await release();
	expect(rig.logged).toEqual(["delivery.unconfirmed"]);
	expect(await statesOf(rig)).toEqual(["sent"]);
});

test("what waits behind a message that turns out to be there is sent at once", async () => {
	await using rig = await openOutboxRig();
	const { platform, outbox, clock } = rig;
	platform.dialog.confirmationMs = 15_000;
	platform.fail({ kind: "send", code: "peer_silent", isDone: true });
	await say(rig);
	await outbox.say("777", { text: "behind it" });
	await clock.advance(1_000);
	expect(platform.chat("777")).toEqual(["hello"]);
	await outbox.confirm({ platformId: "101", name: NAME, state: "sent" });
	await clock.advance(10);
	expect(platform.chat("777")).toEqual(["hello", "behind it"]);
});

test("a message that waits behind another one which is on its way is not sent once it turns out to be there", async () => {
	await using rig = await openOutboxRig();
	const { outbox, clock, platform } = rig;
	await say(rig, "first");
	const { promise, resolve } = Promise.withResolvers<void>();
	hinder(
		rig,
		({ text }) => text === "second",
		() => promise,
	);
	await outbox.say("777", { text: "second" });
	await clock.advance(0);
	const report = { platformId: "101", name: NAME };
	const now = new AeonError("peer_unavailable", "it was busy");
	await outbox.confirm({ ...report, state: "failed", error: now });
	await outbox.confirm({ ...report, state: "delivered" });
	resolve();
	await clock.advance(60_000);
	expect(platform.told("send")).toEqual(["send first", "send second"]);
	expect(await statesOf(rig)).toEqual(["delivered"]);
});

test("a part that turns out to be there while an earlier one waits leaves that one waiting", async () => {
	await using rig = await openOutboxRig();
	const { outbox, clock, platform } = rig;
	const retryAfterMs = 10_000;
	platform.fail({ kind: "send", code: "peer_unavailable", retryAfterMs });
	await say(rig, "one|two");
	const second = { deliveryId: DELIVERY, part: 1 };
	await outbox.confirm({ platformId: "9", name: second, state: "delivered" });
	await clock.advance(60_000);
	expect(platform.told("send")).toEqual(["send one", "send one"]);
	expect(await statesOf(rig)).toEqual(["sent", "delivered"]);
});

test("words that turn out to be there while they wait for a file are not sent again", async () => {
	await using rig = await openOutboxRig();
	const { outbox, clock, platform } = rig;
	hinder(
		rig,
		({ file }) => file !== undefined,
		() => new Promise(() => {}),
	);
	await outbox.say("777", { text: "", attachments: [PICTURE] });
	await clock.advance(0);
	await say(rig);
	await outbox.confirm({ platformId: "9", name: NAME, state: "delivered" });
	await clock.advance(60_000);
	expect(platform.told("send")).toEqual([]);
	expect(await statesOf(rig)).toEqual(["delivered"]);
});

test("where nothing reaches the chat any more, the words of a file are not tried without it", async () => {
	await using rig = await openOutboxRig();
	rig.platform.fail({ kind: "send", code: "peer_rejected", status: 403 });
	await say(rig, "look", { attachments: [PICTURE] });
	await rig.clock.advance(60_000);
	expect(rig.platform.told("send")).toEqual(["send look"]);
	expect(rig.lost.map(({ isTold }) => isTold)).toEqual([false]);
});

test("tries without an answer become rarer, and never more frequent than the platform needs", async () => {
	await using rig = await openOutboxRig();
	const { platform, clock } = rig;
	platform.dialog.confirmationMs = 15_000;
	platform.fail({ kind: "send", code: "peer_silent", times: 8 });
	await say(rig);
	await clock.advance(10 * 60_000);
	const times = platform.calls.map(({ at }) => at);
	const gaps = times.slice(1).map((at, n) => at - (times[n] ?? 0));
	expect(gaps).toHaveLength(8);
	expect(Math.min(...gaps)).toBeGreaterThanOrEqual(15_000);
	expect(gaps.at(-1)).toBeGreaterThanOrEqual(45_000);
});

test("after a restart what may be there waits for the platform's word, and what surely is not goes out at once", async () => {
	for (const [code, waits] of [
		["peer_silent", true],
		["peer_unavailable", false],
	] as const) {
		await using rig = await openOutboxRig();
		const { platform, clock } = rig;
		platform.dialog.confirmationMs = 15_000;
		platform.fail({ kind: "send", code });
		await say(rig);
		await rig.restart();
		await clock.advance(14_900);
		expect(platform.told("send")).toHaveLength(waits ? 1 : 2);
		await clock.advance(200);
		expect(platform.told("send")).toHaveLength(2);
	}
});

test("when the platform can be reached again, only what may be there already waits on, and only where it is told of", async () => {
	for (const [code, confirmationMs, sends] of [
		["peer_silent", undefined, 2],
		["peer_silent", 15_000, 1],
		["peer_unavailable", 15_000, 2],
	] as const) {
		await using rig = await openOutboxRig();
		const { platform, outbox, clock } = rig;
		if (confirmationMs) platform.dialog.confirmationMs = confirmationMs;
		platform.fail({ kind: "send", code });
		await say(rig);
		outbox.hurry();
		await clock.advance(0);
		expect(platform.told("send")).toHaveLength(sends);
	}
});
