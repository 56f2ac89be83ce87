// What every store must do with what is to be said to people; store.test.ts runs it with each driver.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OutboxPart } from "../../src/core/delivery.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { waiting } from "./inbox_contract.ts";
import { NAUGHTY_TEXTS, type OpenStore, user } from "./store_contract.ts";

const KEY = "agent:main:telegram:1";
const NOW = 1_760_000_000_000;
const DAY = 24 * 60 * 60 * 1000;
/** A store may look for what is old this seldom. */
const HOUR = 60 * 60 * 1000;

export function describeOutbox(name: string, open: OpenStore): void {
	describe(`the outbox of the ${name} store`, () => {
		let folder: string;
		let store: SessionStore;

		beforeEach(async () => {
			folder = mkdtempSync(join(tmpdir(), "aeon-store-"));
			store = await open(folder);
		});

		afterEach(async () => {
			await store.close();
			rmSync(folder, { recursive: true });
		});

		const reopen = async () => {
			await store.close();
			store = await open(folder);
		};

		const pending = async (dialog = "telegram") =>
			(await store.pendingParts(dialog)).map(
				({ deliveryId, part }) => `${deliveryId} ${part}`,
			);

		test("a part is given back, through a restart, as it was saved", async () => {
			const parts: OutboxPart[] = [
				{
					...part("d1", 0),
					sessionKey: KEY,
					content: {
						text: "look",
						attachment: { path: "/tmp/a b/ü\ud83d.png", mimeType: "image/png" },
						replyTo: "77",
					},
					platformId: "1001",
					triedAt: "1000",
					reason: "429: slow down",
					attempts: 3,
				},
				{ ...part("d1", 1), state: "sent", platformId: "1002" },
				{ ...part("d1", 2), state: "failed", reason: "403: blocked" },
				{ ...part("d1", 3), dueAt: undefined },
			];
			const { dueAt: _, ...open } = parts[3] as OutboxPart;
			await store.saveParts(parts);
			const expected = [...parts.slice(0, 3), open];
			expect(await store.partsOf("d1")).toStrictEqual(expected);
			await reopen();
			expect(await store.partsOf("d1")).toStrictEqual(expected);
			expect(await store.pendingParts("telegram")).toStrictEqual([
				expected[0] as OutboxPart,
			]);
		});

		test("any text comes back exactly", async () => {
			const parts = NAUGHTY_TEXTS.map((text, n) => ({
				...part("d", n),
				content: { text, replyTo: text },
				triedAt: text,
				reason: text,
			}));
			await store.saveParts(parts);
			expect(await store.partsOf("d")).toStrictEqual(parts);
			expect(await store.pendingParts("telegram")).toStrictEqual(parts);
			await reopen();
			expect(await store.partsOf("d")).toStrictEqual(parts);
		});

		test("nothing is known of what nobody saved", async () => {
			await store.saveParts([]);
			expect(await store.partsOf("d")).toEqual([]);
			expect(await store.pendingParts("telegram")).toEqual([]);
		});

		test("what is pending of a dialog and due some day is given in the order of first saving", async () => {
			const other = { ...part("w", 0), dialog: "whatsapp" };
			await store.saveParts([part("b", 1), part("b", 0), other]);
			await store.saveParts([part("a", 0, NOW - DAY), part("c", 0)]);
			await store.saveParts([{ ...part("open", 0), dueAt: undefined }]);
			expect(await pending()).toEqual(["b 1", "b 0", "a 0", "c 0"]);
			expect(await pending("whatsapp")).toEqual(["w 0"]);
			expect(await pending("cli")).toEqual([]);
			await reopen();
			expect(await pending()).toEqual(["b 1", "b 0", "a 0", "c 0"]);
		});

		test("a part that is saved again takes the place of the first, and keeps its order", async () => {
			await store.saveParts(["a", "b", "c", "d"].map((id) => part(id, 0)));
			const { dueAt: _, ...sent } = part("b", 0);
			await store.saveParts([
				{ ...sent, state: "sent", platformId: "5" },
				{ ...part("a", 0), attempts: 1, reason: "no network" },
			]);
			expect(await pending()).toEqual(["a 0", "c 0", "d 0"]);
			expect(await store.partsOf("b")).toStrictEqual([
				{ ...sent, state: "sent", platformId: "5" },
			]);
			expect(await store.partsOf("a")).toStrictEqual([
				{ ...part("a", 0), attempts: 1, reason: "no network" },
			]);
			// It is edited: sent once, and pending anew.
			const edited = { ...part("b", 0), content: { text: "new" } };
			await store.saveParts([edited]);
			await store.saveParts([part("a", 0)]);
			for (const restart of [() => {}, reopen]) {
				await restart();
				expect(await pending()).toEqual(["a 0", "b 0", "c 0", "d 0"]);
				expect(await store.partsOf("b")).toStrictEqual([edited]);
				expect(await store.partsOf("a")).toStrictEqual([part("a", 0)]);
			}
		});

		test("the parts of a message are given in their order, whatever order they came in", async () => {
			for (const n of [10, 2, 0, 1]) await store.saveParts([part("d", n)]);
			await store.saveParts([part("other", 5)]);
			const numbers = (await store.partsOf("d")).map((found) => found.part);
			expect(numbers).toEqual([0, 1, 2, 10]);
		});

		test("a part is found by what its dialog's platform calls it, of several the last", async () => {
			const named = (id: string, platformId: string, dialog = "whatsapp") => ({
				...part(id, 0),
				dialog,
				platformId,
				state: "sent" as const,
			});
			await store.saveParts([
				named("a", "wamid.1"),
				named("b", "wamid.2"),
				named("t", "wamid.2", "telegram"),
				named("c", "wamid.2"),
				{ ...part("d", 0), dialog: "whatsapp" },
			]);
			await store.saveParts([
				{ ...named("b", "wamid.2"), state: "read" as const },
			]);
			for (const restart of [() => {}, reopen]) {
				await restart();
				expect(await store.findPart("whatsapp", "wamid.1")).toStrictEqual(
					named("a", "wamid.1"),
				);
				expect(await store.findPart("whatsapp", "wamid.2")).toStrictEqual(
					named("c", "wamid.2"),
				);
				expect(await store.findPart("telegram", "wamid.2")).toStrictEqual(
					named("t", "wamid.2", "telegram"),
				);
				expect(await store.findPart("telegram", "wamid.1")).toBeUndefined();
				expect(await store.findPart("whatsapp", "")).toBeUndefined();
			}
		});

		test("what is done with a part that was given changes nothing in the store", async () => {
			await store.saveParts([part("d", 0)]);
			const [found] = await store.partsOf("d");
			Object.assign(found?.content ?? {}, { text: "spoilt" });
			expect(await store.partsOf("d")).toStrictEqual([part("d", 0)]);
		});

		test("messages are finished and what is to be said is kept, both at once", async () => {
			await store.acceptMessage(waiting("r1", "m1"));
			await store.acceptMessage(waiting("r2"));
			await store.saveMessage(KEY, user("hello"), NOW, ["r1", "r2"]);
			await store.saveParts([{ ...part("r1", 0), dueAt: undefined }]);
			await store.finishMessages(["r1", "r2"], [part("r1", 0), part("r1", 1)]);
			for (const restart of [() => {}, reopen]) {
				await restart();
				expect(await store.waitingMessages()).toEqual([]);
				expect(await pending()).toEqual(["r1 0", "r1 1"]);
			}
		});

		test("parts are kept also where the messages are unknown or finished already", async () => {
			await store.acceptMessage(waiting("r1"));
			await store.finishMessages(["r1"]);
			await store.finishMessages(["r1"], [part("r1", 0)]);
			await store.finishMessages(["unknown"], [part("unknown", 0)]);
			await store.finishMessages([], [part("none", 0)]);
			await reopen();
			expect(await pending()).toEqual(["r1 0", "unknown 0", "none 0"]);
		});

		test("what was sent or failed is forgotten a week later, and what is pending is not", async () => {
			const before = NOW - 100 * DAY;
			const sent = { ...part("d", 0, before), state: "sent" as const };
			const failed = { ...part("d", 1, before), state: "failed" as const };
			const waits = part("d", 2, before);
			const again = part("d", 3, before);
			await store.saveParts([sent, failed, waits, { ...again, state: "sent" }]);
			let accepted = 0;
			const at = async (receivedAt: number) => {
				const message = { ...waiting(`r${++accepted}`), receivedAt };
				await store.acceptMessage(message);
				return store.partsOf("d");
			};
			const everything = [sent, failed, waits];
			expect((await at(NOW)).slice(0, 3)).toStrictEqual(everything);
			await store.saveParts([again]);
			expect(await at(NOW + 7 * DAY)).toStrictEqual([...everything, again]);
			await reopen();
			expect(await at(NOW + 7 * DAY + HOUR)).toStrictEqual([waits, again]);
			await store.saveParts([{ ...waits, state: "sent" }]);
			expect(await at(NOW + 50 * DAY)).toHaveLength(2);
			expect(await at(NOW + 57 * DAY)).toHaveLength(2);
			expect(await at(NOW + 57 * DAY + HOUR)).toStrictEqual([again]);
			// It was sent long ago, and once more just now.
			await store.saveParts([sent]);
			await at(NOW + 58 * DAY);
			await store.saveParts([{ ...sent, state: "pending" }]);
			await at(NOW + 64 * DAY);
			await store.saveParts([sent]);
			await reopen();
			expect(await at(NOW + 70 * DAY)).toStrictEqual([sent, again]);
			await reopen();
			expect(await store.partsOf("d")).toStrictEqual([sent, again]);
		});

		test("what one process saves another one sees, and nothing of either is lost", async () => {
			const other = await open(folder);
			for (let n = 0; n < 40; n++)
				await (n % 2 ? store : other).saveParts([part("d", n)]);
			await Promise.all(
				Array.from({ length: 40 }, (_, n) =>
					(n % 2 ? store : other).saveParts([part("e", n)]),
				),
			);
			const { dueAt: _, ...sent } = part("d", 0);
			await store.saveParts([{ ...sent, state: "sent" }]);
			for (const reader of [store, other]) {
				expect(await reader.partsOf("d")).toHaveLength(40);
				expect(await reader.partsOf("e")).toHaveLength(40);
				const found = await reader.pendingParts("telegram");
				expect(found.slice(0, 39).map((one) => one.part)).toEqual(
					Array.from({ length: 39 }, (_, n) => n + 1),
				);
			}
			await other.close();
		});
	});
}

/** A part that is due. */
export function part(
	deliveryId: string,
	number: number,
	createdAt = NOW,
): OutboxPart {
	return {
		deliveryId,
		part: number,
		dialog: "telegram",
		to: "1",
		content: { text: `part ${number}` },
		state: "pending",
		attempts: 0,
		createdAt,
		dueAt: createdAt,
	};
}
