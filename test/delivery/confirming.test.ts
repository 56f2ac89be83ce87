import { expect, test } from "bun:test";
import type { DeliveryReport } from "../../src/core/delivery.ts";
import { AeonError } from "../../src/core/errors.ts";
import { hinder, type OutboxRig, openOutboxRig, PICTURE } from "./rig.ts";

const AGAIN = new AeonError("peer_unavailable", "too many messages at once", {
	retryAfterMs: 10_000,
});
const REFUSED = new AeonError("peer_rejected", "it is not taken", {
	status: 422,
});
const SHUT = new AeonError("peer_rejected", "they wrote too long ago", {
	status: 403,
});

const DELIVERY = "delivery-1";
const NAME = { deliveryId: DELIVERY, part: 0 };

/** A message that was sent, and its state as the store has it. */
async function say(rig: OutboxRig, text = "hello") {
	await rig.outbox.say("777", { text, deliveryId: DELIVERY });
	await rig.clock.advance(0);
	const [part] = await rig.store.partsOf(DELIVERY);
	return part?.platformId ?? "";
}

async function stateOf({ store }: OutboxRig) {
	const parts = await store.partsOf(DELIVERY);
	return parts.map(({ state, reason }) => (reason ? [state, reason] : state));
}

const told = ({ observed }: OutboxRig) =>
	observed.flatMap((event) =>
		event.type === "message.outbound" ? [event.state] : [],
	);

test("a message that was sent is delivered, then read; whatever comes late or twice changes nothing", async () => {
	await using rig = await openOutboxRig();
	const platformId = await say(rig);
	const states: DeliveryReport["state"][] = [
		...(["sent", "delivered", "delivered", "sent", "read"] as const),
		...(["delivered", "sent", "failed", "read"] as const),
	];
	const seen: unknown[] = [];
	for (const state of states) {
		await rig.outbox.confirm({ platformId, state, error: AGAIN });
		seen.push(...(await stateOf(rig)));
	}
	expect(seen).toEqual([
		...["sent", "delivered", "delivered", "delivered"],
		...["read", "read", "read", "read", "read"],
	]);
	expect(told(rig)).toEqual(["pending", "sent", "delivered", "read"]);
	await rig.clock.advance(60_000);
	expect(rig.platform.told("send")).toEqual(["send hello"]);
	expect(rig.lost).toEqual([]);
});

test("a message of several parts counts as delivered when its last part is", async () => {
	await using rig = await openOutboxRig();
	await say(rig, "one|two");
	await rig.clock.advance(1_000);
	const ids = (await rig.store.partsOf(DELIVERY)).map((one) => one.platformId);
	for (const platformId of ids)
		await rig.outbox.confirm({ platformId: platformId ?? "", state: "read" });
	expect(await stateOf(rig)).toEqual(["read", "read"]);
	expect(told(rig)).toEqual(["pending", "sent", "read"]);
});

test("what the platform took and cannot deliver is said in the chat, written down and told whoever watches", async () => {
	await using rig = await openOutboxRig();
	const platformId = await say(rig);
	const report = { platformId, state: "failed", error: REFUSED } as const;
	await rig.outbox.confirm(report);
	await rig.outbox.confirm(report);
	await rig.clock.advance(0);
	expect(await stateOf(rig)).toEqual([["failed", "it is not taken"]]);
	expect(rig.platform.chat("777")).toEqual([
		"hello",
		"A part of what I had to say could not be sent. it is not taken",
	]);
	expect(rig.logged).toEqual(["message.failed"]);
	expect(rig.lost).toEqual([
		{
			deliveryId: DELIVERY,
			to: "777",
			reason: "it is not taken",
			isTold: true,
		},
	]);
	// It turns out to be there all the same.
	await rig.outbox.confirm({ platformId, state: "delivered" });
	expect(await stateOf(rig)).toEqual(["delivered"]);
});

test("where nothing reaches the chat any more, nothing more is said there, and the loss is untold", async () => {
	await using rig = await openOutboxRig();
	const platformId = await say(rig);
	await rig.outbox.confirm({ platformId, state: "failed", error: SHUT });
	await rig.clock.advance(60_000);
	expect(rig.platform.told("send")).toEqual(["send hello"]);
	expect(rig.lost).toEqual([
		{
			deliveryId: DELIVERY,
			to: "777",
			reason: "they wrote too long ago",
			isTold: false,
		},
	]);
});

test("a sentence about a loss that is lost itself is untold, and there is no third one", async () => {
	await using rig = await openOutboxRig();
	rig.platform.fail({ kind: "send", code: "peer_rejected", times: 9 });
	await rig.outbox.say("777", { text: "hello", deliveryId: DELIVERY });
	await rig.clock.advance(60_000);
	expect(rig.platform.told("send")).toHaveLength(2);
	expect(rig.lost.map(({ isTold }) => isTold)).toEqual([true, false]);
});

test("what may be delivered later is sent once more when it was asked for, and an old report about the first try counts no more", async () => {
	await using rig = await openOutboxRig();
	const first = await say(rig);
	const failed = {
		platformId: first,
		name: NAME,
		state: "failed",
		error: AGAIN,
	} as const;
	await rig.outbox.confirm(failed);
	await rig.outbox.confirm(failed);
	await rig.clock.advance(9_000);
	expect(rig.platform.told("send")).toEqual(["send hello"]);
	await rig.clock.advance(2_000);
	expect(rig.platform.told("send")).toEqual(["send hello", "send hello"]);
	expect(rig.platform.calls.at(-1)).not.toHaveProperty("triedAt");
	await rig.outbox.confirm(failed);
	await rig.clock.advance(60_000);
	expect(rig.platform.told("send")).toHaveLength(2);
	expect(await stateOf(rig)).toEqual(["sent"]);
});

test("a message of which nobody knew whether it arrived is proved by its name, and not sent again", async () => {
	await using rig = await openOutboxRig();
	const { platform, clock, outbox } = rig;
	platform.dialog.confirmationMs = 15_000;
	platform.fail({ kind: "send", code: "peer_silent", isDone: true });
	await outbox.say("777", { text: "hello", deliveryId: DELIVERY });
	await outbox.say("777", { text: "behind it" });
	await clock.advance(14_000);
	expect(platform.told("send")).toEqual(["send hello"]);
	await outbox.confirm({ platformId: "101", name: NAME, state: "delivered" });
	await clock.advance(60_000);
	expect(platform.chat("777")).toEqual(["hello", "behind it"]);
	expect(await rig.store.partsOf(DELIVERY)).toMatchObject([
		{ state: "delivered", platformId: "101" },
	]);
	expect(told(rig)).toContain("delivered");
});

test("without a word of the platform it is sent again after a while, as one that may be there already", async () => {
	await using rig = await openOutboxRig();
	const { platform, clock, outbox } = rig;
	platform.dialog.confirmationMs = 15_000;
	platform.fail({ kind: "send", code: "peer_silent" });
	await outbox.say("777", { text: "hello", deliveryId: DELIVERY });
	await clock.advance(14_900);
	expect(platform.told("send")).toEqual(["send hello"]);
	await clock.advance(200);
	expect(platform.calls.map(({ triedAt }) => triedAt)).toEqual([
		undefined,
		"100",
	]);
});

test("after a kill the platform has the same time to tell what became of a try", async () => {
	await using rig = await openOutboxRig();
	const { platform, clock, store } = rig;
	platform.dialog.confirmationMs = 15_000;
	const { promise } = Promise.withResolvers<void>();
	hinder(
		rig,
		({ text }) => text === "hello",
		() => promise,
	);
	await rig.outbox.say("777", { text: "hello", deliveryId: DELIVERY });
	await clock.advance(0);
	await rig.restart();
	await clock.advance(10_000);
	await rig.outbox.confirm({ platformId: "9", name: NAME, state: "sent" });
	await clock.advance(60_000);
	expect(platform.told("send")).toEqual([]);
	expect(await store.partsOf(DELIVERY)).toMatchObject([
		{ state: "sent", platformId: "9" },
	]);
});

test("what has to be confirmed first is not hurried when the platform can be reached again", async () => {
	await using rig = await openOutboxRig();
	const { platform, clock, outbox } = rig;
	platform.dialog.confirmationMs = 15_000;
	platform.fail({ kind: "send", code: "peer_silent" });
	await outbox.say("777", { text: "hello", deliveryId: DELIVERY });
	await clock.advance(1_000);
	outbox.hurry();
	await clock.advance(13_000);
	expect(platform.told("send")).toEqual(["send hello"]);
	await clock.advance(2_000);
	expect(platform.told("send")).toEqual(["send hello", "send hello"]);
});

test("a kill while a message is being sent does not lose what was told of it", async () => {
	await using rig = await openOutboxRig();
	const { promise } = Promise.withResolvers<void>();
	hinder(
		rig,
		() => true,
		() => promise,
	);
	await rig.outbox.say("777", { text: "hello", deliveryId: DELIVERY });
	await rig.clock.advance(0);
	await rig.outbox.confirm({ platformId: "9", name: NAME, state: "sent" });
	await rig.restart();
	await rig.clock.advance(60_000);
	expect(rig.platform.told("send")).toEqual([]);
	expect(await stateOf(rig)).toEqual(["sent"]);
});

test("a report that overtakes the answer to the sending is not lost", async () => {
	for (const name of [NAME, undefined]) {
		await using rig = await openOutboxRig();
		const { promise, resolve } = Promise.withResolvers<void>();
		hinder(
			rig,
			() => true,
			() => promise,
		);
		await rig.outbox.say("777", { text: "hello", deliveryId: DELIVERY });
		await rig.clock.advance(0);
		for (const state of ["sent", "delivered"] as const)
			await rig.outbox.confirm({
				platformId: "101",
				state,
				...(name && { name }),
			});
		expect(await stateOf(rig)).toEqual([name ? "delivered" : "pending"]);
		resolve();
		await rig.clock.advance(1_000);
		expect(await stateOf(rig)).toEqual(["delivered"]);
		expect(rig.platform.chat("777")).toEqual(["hello"]);
	}
});

test("a failure that overtakes the answer to the sending has the message sent again", async () => {
	await using rig = await openOutboxRig();
	const { promise, resolve } = Promise.withResolvers<void>();
	hinder(
		rig,
		() => true,
		() => promise,
	);
	await rig.outbox.say("777", { text: "hello", deliveryId: DELIVERY });
	await rig.clock.advance(0);
	await rig.outbox.confirm({
		platformId: "101",
		name: NAME,
		state: "failed",
		error: AGAIN,
	});
	resolve();
	await rig.clock.advance(20_000);
	expect(rig.platform.told("send")).toEqual(["send hello", "send hello"]);
	expect(await stateOf(rig)).toEqual(["sent"]);
});

test("words whose file turns out to be refused are sent without it", async () => {
	await using rig = await openOutboxRig();
	const { outbox, clock, platform, store } = rig;
	const attachments = [PICTURE];
	await outbox.say("777", { text: "look", attachments, deliveryId: DELIVERY });
	await clock.advance(0);
	const [sent] = await store.partsOf(DELIVERY);
	const platformId = sent?.platformId ?? "";
	await outbox.confirm({ platformId, state: "failed", error: REFUSED });
	await clock.advance(5_000);
	expect(platform.chat("777").slice(1).sort()).toEqual([
		"A part of what I had to say could not be sent. it is not taken",
		"look",
	]);
	expect(await stateOf(rig)).toEqual(["sent"]);
});

test("a report about a message that is not Aeon's is passed over", async () => {
	await using rig = await openOutboxRig();
	await say(rig);
	const strange = { deliveryId: "run-9", part: 3 };
	await rig.outbox.confirm({ platformId: "x", state: "failed", error: SHUT });
	await rig.outbox.confirm({ platformId: "y", name: strange, state: "read" });
	await rig.clock.advance(60_000);
	expect(await stateOf(rig)).toEqual(["sent"]);
	expect(rig.lost).toEqual([]);
});

test("a report that cannot be kept is not taken for kept", async () => {
	await using rig = await openOutboxRig();
	const platformId = await say(rig);
	const { saveParts } = rig.store;
	rig.store.saveParts = async () => {
		throw new AeonError("storage_failed", "the disk is full");
	};
	const taken = rig.outbox.confirm({ platformId, state: "read" });
	await expect(taken).rejects.toThrow("the disk is full");
	rig.store.saveParts = saveParts;
	await rig.outbox.confirm({ platformId, state: "read" });
	expect(await stateOf(rig)).toEqual(["read"]);
});

test("that a message was taken is no news once it has failed, however late it is told", async () => {
	await using rig = await openOutboxRig();
	const first = await say(rig);
	const sent = { platformId: first, name: NAME, state: "sent" } as const;
	const failed = { ...sent, state: "failed", error: AGAIN } as const;
	expect(await rig.outbox.confirm(failed)).toBe(true);
	expect(await rig.outbox.confirm(sent)).toBe(false);
	await rig.clock.advance(11_000);
	expect(rig.platform.told("send")).toEqual(["send hello", "send hello"]);
	const second = (await rig.store.partsOf(DELIVERY))[0]?.platformId ?? "";
	const refused = { ...failed, platformId: second, error: REFUSED };
	expect(await rig.outbox.confirm(refused)).toBe(true);
	expect(await rig.outbox.confirm({ ...sent, platformId: second })).toBe(false);
	expect(await stateOf(rig)).toEqual([["failed", "it is not taken"]]);
});

test("what is taken again and again and never delivered is sent ever later, given up after the eleventh time, and said", async () => {
	await using rig = await openOutboxRig();
	await say(rig);
	const pauses: number[] = [];
	for (let n = 0; n < 20; n++) {
		const [part] = await rig.store.partsOf(DELIVERY);
		await rig.outbox.confirm({
			platformId: part?.platformId ?? "",
			name: NAME,
			state: "failed",
			error: AGAIN,
		});
		const before = rig.clock.now();
		await rig.clock.advance(2 * 60_000);
		pauses.push((rig.platform.calls.at(-1)?.at ?? 0) - before);
	}
	expect(pauses.slice(0, 10)).toEqual(
		[10, 10, 10, 10, 16, 32, 60, 60, 60, 60].map((seconds) => seconds * 1_000),
	);
	const tries = rig.platform.calls.filter(({ text }) => text === "hello");
	expect(tries).toHaveLength(11);
	expect(await stateOf(rig)).toEqual([["failed", AGAIN.message]]);
	expect(rig.platform.told("send").at(-1)).toBe(
		`send A part of what I had to say could not be sent. ${AGAIN.message}`,
	);
});

test("words that wait behind their lost file are confirmed, too", async () => {
	await using rig = await openOutboxRig();
	const { outbox, clock, platform } = rig;
	platform.dialog.confirmationMs = 15_000;
	platform.fail({ kind: "send", code: "peer_rejected", status: 422 });
	platform.fail({ kind: "send", code: "peer_silent", isDone: true });
	const attachments = [PICTURE];
	await outbox.say("777", { text: "look", attachments, deliveryId: DELIVERY });
	await clock.advance(2_000);
	expect(await stateOf(rig)).toEqual([["pending", expect.any(String)]]);
	await outbox.confirm({ platformId: "9", name: NAME, state: "delivered" });
	await clock.advance(60_000);
	expect(await stateOf(rig)).toEqual(["delivered"]);
	expect(
		platform.told("send").filter((one) => one === "send look"),
	).toHaveLength(2);
});

test("a report tells whether it was news", async () => {
	await using rig = await openOutboxRig();
	const platformId = await say(rig);
	const news: boolean[] = [];
	for (const state of ["sent", "read", "read", "delivered", "failed"] as const)
		news.push(await rig.outbox.confirm({ platformId, state, error: SHUT }));
	expect(news).toEqual([false, true, false, false, false]);
});
