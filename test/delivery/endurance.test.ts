import { expect, test } from "bun:test";
import type { OutboxPart } from "../../src/core/delivery.ts";
import { AeonError } from "../../src/core/errors.ts";
import { openOutboxRig } from "./rig.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A part that another process has left behind. */
const left = (fields: Partial<OutboxPart>): OutboxPart => ({
	deliveryId: "delivery-1",
	part: 0,
	dialog: "post",
	to: "777",
	content: { text: "hello" },
	state: "pending",
	attempts: 0,
	createdAt: 0,
	dueAt: 0,
	...fields,
});

test("while a platform does not know Aeon, everything is tried again until it does", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox } = rig;
	platform.fail({ kind: "send", code: "peer_rejected", status: 401, times: 5 });
	await outbox.say("777", { text: "hello" });
	await clock.advance(5 * 60_000);
	expect(platform.told("send")).toHaveLength(6);
	expect(platform.chat("777")).toEqual(["hello"]);
	expect(rig.logged).not.toContain("message.failed");
});

test("what was saved while the clock was ahead is sent at once", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, store } = rig;
	const ahead = clock.now() + 30 * DAY_MS;
	await store.saveParts([left({ createdAt: ahead, dueAt: ahead })]);
	await rig.restart();
	await clock.advance(10);
	expect(platform.chat("777")).toEqual(["hello"]);
});

test("what is old only because the clock was put right is still tried", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, store } = rig;
	platform.fail({ kind: "send", code: "peer_unavailable" });
	const past = clock.now() - 30 * DAY_MS;
	await store.saveParts([left({ createdAt: past, dueAt: past, attempts: 1 })]);
	await rig.restart();
	await clock.advance(5 * 60_000);
	expect(platform.told("send")).toHaveLength(2);
	expect(platform.chat("777")).toEqual(["hello"]);
});

/** A text in which nothing can be seen, though it is not empty. */
const INVISIBLE = "\u200b\u2060";

/** A platform that shows no message in which nothing can be seen. */
async function openStrictRig() {
	const rig = await openOutboxRig();
	const { dialog } = rig.platform;
	const { split } = dialog;
	dialog.split = (text) => (text === INVISIBLE ? [] : split(text));
	return rig;
}

test("an answer in which nothing can be seen is told to be none", async () => {
	await using rig = await openStrictRig();
	const run = rig.turn("run-1");
	run.say(INVISIBLE);
	await rig.clock.advance(2_000);
	await run.end();
	await rig.clock.advance(2_000);
	expect(rig.platform.told("send")).toEqual(["send The model gave no text."]);
});

test("a saying in which nothing can be seen is refused, and nothing of it is kept", async () => {
	await using rig = await openStrictRig();
	const { outbox, store, clock, platform } = rig;
	const saying = { text: INVISIBLE, deliveryId: "delivery-1" };
	await expect(outbox.say("777", saying)).rejects.toMatchObject({
		code: "usage",
	});
	expect(await store.partsOf("delivery-1")).toEqual([]);
	await clock.advance(1_000);
	expect(platform.calls).toEqual([]);
	await outbox.say("777", { ...saying, text: "seen" });
	await clock.advance(1_000);
	expect(platform.chat("777")).toEqual(["seen"]);
});

test("an address that the platform cannot read harms no other chat", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox, store } = rig;
	const { dialog } = platform;
	const { bookmark } = dialog;
	dialog.bookmark = (to) => {
		if (to !== "nowhere") return bookmark?.(to);
		throw new AeonError("peer_rejected", "that is no chat");
	};
	await outbox.say("nowhere", { text: "bad", deliveryId: "delivery-1" });
	const lost = rig.turn("run-1", "nowhere");
	lost.say("half");
	await clock.advance(1_000);
	await outbox.say("777", { text: "hello" });
	const run = rig.turn("run-2");
	run.say("answer");
	await clock.advance(1_000);
	await Promise.all([lost.end(), run.end()]);
	await clock.advance(60_000);
	expect(platform.chat("777")).toEqual(["hello", "answer"]);
	expect(platform.told("send")).toHaveLength(2);
	for (const id of ["delivery-1", "run-1"])
		expect(await store.partsOf(id)).toMatchObject([
			{ state: "failed", reason: "that is no chat" },
		]);
	expect(await store.pendingParts("post")).toEqual([]);
	expect(rig.logged).not.toContain("outbox.fault");
});
