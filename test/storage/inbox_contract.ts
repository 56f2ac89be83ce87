// What every store must do with accepted messages until the end of their turn; store.test.ts runs it with each driver.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RemoteFile } from "../../src/core/message.ts";
import type { SessionStore, WaitingMessage } from "../../src/storage/store.ts";
import { all, NAUGHTY_TEXTS, type OpenStore, user } from "./store_contract.ts";

const KEY = "agent:main:telegram:1";
const NOW = 1_760_000_000_000;

const FILES: RemoteFile[] = [
	{
		kind: "voice",
		id: "AwACAgIAAxk",
		uniqueId: "AgADBQAD",
		name: "half a pair \ud83d.ogg",
		mimeType: "audio/ogg",
		size: 4096,
		seconds: 2.5,
	},
	...(["image", "audio", "video", "document"] as const).map((kind) => ({
		kind,
		id: kind,
		uniqueId: "u_-1",
	})),
];

export function describeInbox(name: string, open: OpenStore): void {
	describe(`the inbox of the ${name} store`, () => {
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

		const waitingRuns = async () =>
			(await store.waitingMessages()).map(({ runId }) => runId);

		test("an accepted message waits, through a restart, as it was given", async () => {
			const messages = [
				{
					...waiting("r1", "m1"),
					text: "look\0 \ud83d",
					attachments: [{ path: "/tmp/a b/ü.png", mimeType: "image/png" }],
					files: FILES,
					model: "fast",
					reference: "77",
					sender: "Ann \ud83d",
					album: "9\0",
				},
				waiting("r2"),
				{ ...waiting("r3", "m1"), dialog: "whatsapp" },
				...NAUGHTY_TEXTS.map((text, n) => ({ ...waiting(`n${n}`), text })),
			];
			for (const message of messages)
				expect(await store.acceptMessage(message)).toBe(message.runId);
			expect(await store.waitingMessages()).toStrictEqual(messages);
			await reopen();
			expect(await store.waitingMessages()).toStrictEqual(messages);
		});

		test("messages wait in the order they came, also when the clock goes backwards", async () => {
			await store.acceptMessage({ ...waiting("b"), receivedAt: NOW });
			await store.acceptMessage({ ...waiting("a"), receivedAt: 5 });
			await store.acceptMessage({ ...waiting("c"), receivedAt: NOW - 1 });
			expect(await waitingRuns()).toEqual(["b", "a", "c"]);
		});

		test("messages that are saved in their session are taken by the first of them, until they are finished", async () => {
			const first = { ...waiting("r1", "m1"), files: FILES, sender: "7" };
			await store.acceptMessage(first);
			await store.acceptMessage(waiting("r2", "m2"));
			await store.acceptMessage(waiting("r3", "m3"));
			const runs = ["r3", "r1"];
			const saved = await store.saveMessage(KEY, user("hello"), NOW, runs);
			expect(saved).toEqual({ ...user("hello"), id: saved.id, timestamp: NOW });
			const taken = { takenBy: "r3", attempts: 1 };
			const waits = [
				{ ...first, ...taken },
				waiting("r2", "m2"),
				{ ...waiting("r3", "m3"), ...taken },
			];
			expect(await store.waitingMessages()).toStrictEqual(waits);
			await reopen();
			expect(await store.waitingMessages()).toStrictEqual(waits);
			expect(await all(store, KEY)).toStrictEqual([saved]);
			await store.finishMessages(["r3"]);
			expect(await waitingRuns()).toEqual(["r1", "r2"]);
			await reopen();
			expect(await waitingRuns()).toEqual(["r1", "r2"]);
			await store.finishMessages(["r2", "r1"]);
			expect(await waitingRuns()).toEqual([]);
			await reopen();
			expect(await waitingRuns()).toEqual([]);
		});

		test("a message that is saved without a run takes nothing in", async () => {
			await store.acceptMessage(waiting("r1"));
			await store.saveMessage(KEY, user("hello"), NOW);
			await store.saveMessage(KEY, user("hello"), NOW, []);
			await store.saveMessage(KEY, user("hello"), NOW, ["unknown"]);
			expect(await store.waitingMessages()).toStrictEqual([waiting("r1")]);
		});

		test("what was taken or is finished is not taken again", async () => {
			await store.acceptMessage(waiting("r1"));
			await store.acceptMessage(waiting("r2"));
			await store.saveMessage(KEY, user("hello"), NOW, ["r1"]);
			await store.finishMessages(["r2"]);
			await store.saveMessage(KEY, user("again"), NOW, ["r2", "r1"]);
			const taken = { ...waiting("r1"), takenBy: "r1", attempts: 1 };
			expect(await store.waitingMessages()).toStrictEqual([taken]);
			await reopen();
			expect(await store.waitingMessages()).toStrictEqual([taken]);
		});

		test("an attempt is counted for all that the turn has taken and that is not finished, and for its own message before", async () => {
			for (const run of ["r1", "r2", "r3", "r4"])
				await store.acceptMessage(waiting(run));
			await store.saveMessage(KEY, user("1"), NOW, ["r1", "r2"]);
			await store.saveMessage(KEY, user("3"), NOW, ["r3"]);
			await store.countAttempt("r1");
			await reopen();
			await store.countAttempt("r1");
			await store.countAttempt("r4");
			await store.countAttempt("unknown");
			const waits = [
				{ ...waiting("r1"), takenBy: "r1", attempts: 3 },
				{ ...waiting("r2"), takenBy: "r1", attempts: 3 },
				{ ...waiting("r3"), takenBy: "r3", attempts: 1 },
				// It has not been taken in yet: what comes before that may end a process, too.
				{ ...waiting("r4"), attempts: 1 },
			];
			expect(await store.waitingMessages()).toStrictEqual(waits);
			await store.finishMessages(["r1"]);
			await store.countAttempt("r1");
			await reopen();
			expect(await store.waitingMessages()).toStrictEqual([
				{ ...waiting("r2"), takenBy: "r1", attempts: 4 },
				...waits.slice(2),
			]);
		});

		test("an amended message waits with its new text and files, and all else as it was", async () => {
			const given = {
				...waiting("r1", "m1"),
				files: FILES,
				attachments: [{ path: "/a", mimeType: "image/png" }],
				model: "fast",
				reference: "77",
				sender: "7",
				album: "9",
			};
			await store.acceptMessage(given);
			await store.acceptMessage(waiting("r2"));
			const { files: _, ...bare } = given;
			for (const text of NAUGHTY_TEXTS) {
				expect(await store.amendMessage("r1", { text })).toBe(true);
				const waits = [{ ...bare, text }, waiting("r2")];
				expect(await store.waitingMessages()).toStrictEqual(waits);
			}
			const change = { text: "now", files: FILES.slice(1) };
			expect(await store.amendMessage("r1", change)).toBe(true);
			await reopen();
			expect(await store.waitingMessages()).toStrictEqual([
				{ ...given, ...change },
				waiting("r2"),
			]);
		});

		test("what is taken, finished or unknown is not amended", async () => {
			await store.acceptMessage(waiting("r1"));
			await store.acceptMessage(waiting("r2"));
			await store.saveMessage(KEY, user("hello"), NOW, ["r1"]);
			await store.finishMessages(["r2"]);
			for (const run of ["r1", "r2", "unknown"])
				expect(await store.amendMessage(run, { text: "late" })).toBe(false);
			await reopen();
			const taken = { ...waiting("r1"), takenBy: "r1", attempts: 1 };
			expect(await store.waitingMessages()).toStrictEqual([taken]);
		});

		test("a message that is finished before a turn takes it does not wait, and finishing is quiet about what it does not find", async () => {
			await store.acceptMessage(waiting("r1", "m1"));
			await store.acceptMessage(waiting("r2"));
			await store.finishMessages(["unknown", "r1"]);
			await store.finishMessages(["r1"]);
			await store.finishMessages(["unknown"]);
			await store.finishMessages([]);
			expect(await waitingRuns()).toEqual(["r2"]);
			await reopen();
			expect(await waitingRuns()).toEqual(["r2"]);
		});

		test("a repeat is known by its dialog and id: waiting, taken, finished, and after a restart", async () => {
			for (const [run, id] of [
				["r1", "waits"],
				["r2", "taken"],
				["r3", "ended"],
				["r4", "dropped"],
			] as const)
				expect(await store.acceptMessage(waiting(run, id))).toBe(run);
			await store.saveMessage(KEY, user("hello"), NOW, ["r2"]);
			await store.saveMessage(KEY, user("hello"), NOW, ["r3"]);
			await store.finishMessages(["r3", "r4"]);
			for (const restart of [() => {}, reopen]) {
				await restart();
				const repeat = (id: string) =>
					store.acceptMessage({
						...waiting("new", id),
						sessionKey: "agent:work:telegram:2",
						text: "other",
						receivedAt: NOW + 24 * 60 * 60 * 1000,
					});
				expect(await repeat("waits")).toBe("r1");
				expect(await repeat("taken")).toBe("r2");
				expect(await repeat("ended")).toBe("r3");
				expect(await repeat("dropped")).toBe("r4");
				expect(await store.waitingMessages()).toStrictEqual([
					waiting("r1", "waits"),
					{ ...waiting("r2", "taken"), takenBy: "r2", attempts: 1 },
				]);
			}
		});

		test("the same run is accepted once", async () => {
			await store.acceptMessage(waiting("r1"));
			expect(await store.acceptMessage(waiting("r1"))).toBe("r1");
			expect(await waitingRuns()).toEqual(["r1"]);
			await store.saveMessage(KEY, user("hello"), NOW, ["r1"]);
			expect(await store.acceptMessage(waiting("r1"))).toBe("r1");
			const taken = { ...waiting("r1"), takenBy: "r1", attempts: 1 };
			expect(await store.waitingMessages()).toStrictEqual([taken]);
			await store.finishMessages(["r1"]);
			expect(await store.acceptMessage(waiting("r1"))).toBe("r1");
			expect(await waitingRuns()).toEqual([]);
		});

		test("the same id in another dialog, or none, is another message", async () => {
			await store.acceptMessage(waiting("r1", "m"));
			const other = { ...waiting("r2", "m"), dialog: "whatsapp" };
			expect(await store.acceptMessage(other)).toBe("r2");
			expect(await store.acceptMessage(waiting("r3"))).toBe("r3");
			expect(await store.acceptMessage(waiting("r4"))).toBe("r4");
			expect(await waitingRuns()).toEqual(["r1", "r2", "r3", "r4"]);
		});

		test("of many repeats at once one is kept", async () => {
			const other = await open(folder);
			const runs = await Promise.all(
				Array.from({ length: 20 }, (_, n) =>
					(n % 2 ? store : other).acceptMessage(waiting(`r${n}`, "m")),
				),
			);
			expect(new Set(runs).size).toBe(1);
			expect(await waitingRuns()).toEqual([`${runs[0]}`]);
			await other.close();
		});

		test("what one process does with a message another one sees", async () => {
			const other = await open(folder);
			await store.acceptMessage(waiting("r1"));
			expect(await other.waitingMessages()).toStrictEqual([waiting("r1")]);
			await other.amendMessage("r1", { text: "now" });
			const amended = { ...waiting("r1"), text: "now" };
			expect(await store.waitingMessages()).toStrictEqual([amended]);
			await other.saveMessage(KEY, user("now"), NOW, ["r1"]);
			expect(await store.amendMessage("r1", { text: "late" })).toBe(false);
			await store.countAttempt("r1");
			const taken = { ...amended, takenBy: "r1", attempts: 2 };
			expect(await other.waitingMessages()).toStrictEqual([taken]);
			await other.finishMessages(["r1"]);
			expect(await store.waitingMessages()).toEqual([]);
			await other.close();
		});

		test("attempts that two processes count at once are all counted", async () => {
			const other = await open(folder);
			await store.acceptMessage(waiting("r1"));
			await store.saveMessage(KEY, user("hello"), NOW, ["r1"]);
			await Promise.all(
				Array.from({ length: 20 }, (_, n) =>
					(n % 2 ? store : other).countAttempt("r1"),
				),
			);
			const [found] = await store.waitingMessages();
			expect(found?.attempts).toBe(21);
			await other.close();
		});

		test("a message for a key that is none is refused", async () => {
			await expect(
				store.acceptMessage({ ...waiting("r1"), sessionKey: "nonsense" }),
			).rejects.toMatchObject({ code: "usage" });
			expect(await store.waitingMessages()).toEqual([]);
		});

		test("waiting messages are no sessions", async () => {
			await store.acceptMessage(waiting("r1"));
			expect(await store.listSessions()).toEqual([]);
			expect(await store.getSession(KEY)).toBeUndefined();
			expect((await store.statistics(0)).sessions).toBe(0);
		});
	});
}

/** A message that was accepted for a run. */
export function waiting(runId: string, messageId?: string): WaitingMessage {
	return {
		runId,
		dialog: "telegram",
		...(messageId !== undefined && { messageId }),
		sessionKey: KEY,
		text: "hello",
		receivedAt: NOW,
	};
}
