import { expect, test } from "bun:test";
import { AeonError } from "../../src/core/errors.ts";
import { hinder, openOutboxRig, PICTURE } from "./rig.ts";

const NOT_SENT = "A part of what I had to say could not be sent.";

const isFile = ({ file }: { file?: unknown }) => file !== undefined;

test("a file that is being sent holds up the words of its chat for three seconds at most", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox } = rig;
	const { promise, resolve } = Promise.withResolvers<void>();
	const { tries } = hinder(rig, isFile, () => promise);
	await outbox.say("777", { text: "", attachments: [PICTURE] });
	await outbox.say("777", { text: "hello" });
	const run = rig.turn("run-1");
	run.say("answer");
	await run.end();
	await clock.advance(2_900);
	expect(platform.chat("777")).toEqual([]);
	await clock.advance(1_100);
	expect(tries).toHaveLength(1);
	expect(platform.chat("777")).toEqual(["hello", "answer"]);
	resolve();
	await clock.advance(1_000);
	expect(platform.chat("777")).toHaveLength(3);
});

test("a file of which nobody knows whether it arrived is tried three times, then one sentence says so", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox, store } = rig;
	const { tries } = hinder(rig, isFile, async () => {
		throw new AeonError("peer_silent", "no answer came");
	});
	const deliveryId = "delivery-1";
	await outbox.say("777", { text: "", attachments: [PICTURE], deliveryId });
	await clock.advance(10 * 60_000);
	expect(tries).toHaveLength(3);
	expect(platform.chat("777")).toEqual([`${NOT_SENT} no answer came`]);
	expect(await store.partsOf(deliveryId)).toMatchObject([{ state: "failed" }]);
	expect(await store.pendingParts("post")).toEqual([]);
});

test("a file that surely did not arrive is tried as long as words are", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox } = rig;
	let left = 6;
	const { tries } = hinder(rig, isFile, async () => {
		if (left-- > 0) throw new AeonError("peer_unavailable", "not now");
	});
	await outbox.say("777", { text: "look", attachments: [PICTURE] });
	await clock.advance(10 * 60_000);
	expect(tries).toHaveLength(7);
	expect(platform.chat("777")).toEqual(["look"]);
});

test("words that came with a file which is refused arrive without it, and one sentence is about the file", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox, store, logged } = rig;
	const { tries } = hinder(rig, isFile, async () => {
		throw new AeonError("peer_rejected", "too big", { status: 400 });
	});
	const deliveryId = "delivery-1";
	await outbox.say("777", { text: "look", attachments: [PICTURE], deliveryId });
	await clock.advance(60_000);
	expect(tries).toEqual(["look"]);
	expect(platform.chat("777").toSorted()).toEqual([
		`${NOT_SENT} too big`,
		"look",
	]);
	expect(await store.partsOf(deliveryId)).toMatchObject([{ state: "sent" }]);
	expect(await store.pendingParts("post")).toEqual([]);
	expect(logged).toEqual(["message.failed"]);
	await rig.restart();
	await clock.advance(60_000);
	expect(platform.chat("777")).toHaveLength(2);
});

test.each([
	[900, 1],
	[901, 2],
])("a text of %d characters and its file are %d messages", async (size, n) => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox } = rig;
	const { tries } = hinder(rig, isFile, async () => {});
	const text = "x".repeat(size);
	await outbox.say("777", { text, attachments: [PICTURE, PICTURE] });
	await clock.advance(1_000);
	expect(tries.toSorted()).toEqual(n === 1 ? ["", text] : ["", ""]);
	expect(platform.chat("777")).toHaveLength(n + 1);
	expect(platform.chat("777")).toContain(text);
});

test("words that a kind of file cannot carry are sent before it", async () => {
	await using rig = await openOutboxRig();
	const { clock, platform, outbox } = rig;
	platform.dialog.captions = (mimeType) => !mimeType.startsWith("audio/");
	const song = { path: "song.mp3", mimeType: "audio/mpeg" };
	await outbox.say("777", { text: "listen", attachments: [song, PICTURE] });
	await outbox.say("777", { text: "look", attachments: [PICTURE, song] });
	await clock.advance(10_000);
	expect(platform.chat("777")).toEqual(["listen", "", "", "look", ""]);
});
