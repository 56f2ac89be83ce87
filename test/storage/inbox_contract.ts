// What every store must do with messages that no turn has taken in yet; store.test.ts runs it with each driver.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionStore, WaitingMessage } from "../../src/storage/store.ts";
import { all, NAUGHTY_TEXTS, type OpenStore, user } from "./store_contract.ts";

const KEY = "agent:main:telegram:1";
const NOW = 1_760_000_000_000;

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
					model: "fast",
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

		test("a message waits no longer once it is saved in its session", async () => {
			await store.acceptMessage(waiting("r1", "m1"));
			await store.acceptMessage(waiting("r2", "m2"));
			const saved = await store.saveMessage(KEY, user("hello"), NOW, "r1");
			expect(saved).toEqual({ ...user("hello"), id: saved.id, timestamp: NOW });
			expect(await waitingRuns()).toEqual(["r2"]);
			await reopen();
			expect(await waitingRuns()).toEqual(["r2"]);
			expect(await all(store, KEY)).toStrictEqual([saved]);
		});

		test("a message that is saved without a run takes nothing in", async () => {
			await store.acceptMessage(waiting("r1"));
			await store.saveMessage(KEY, user("hello"), NOW);
			await store.saveMessage(KEY, user("hello"), NOW, "unknown");
			expect(await waitingRuns()).toEqual(["r1"]);
		});

		test("a dropped message does not wait, and dropping is quiet about what it does not find", async () => {
			await store.acceptMessage(waiting("r1", "m1"));
			await store.acceptMessage(waiting("r2"));
			await store.dropWaiting("r1");
			await store.dropWaiting("r1");
			await store.dropWaiting("unknown");
			expect(await waitingRuns()).toEqual(["r2"]);
			await reopen();
			expect(await waitingRuns()).toEqual(["r2"]);
		});

		test("a repeat is known by its dialog and id: waiting, taken, dropped, and after a restart", async () => {
			for (const [run, id] of [
				["r1", "waits"],
				["r2", "taken"],
				["r3", "dropped"],
			] as const)
				expect(await store.acceptMessage(waiting(run, id))).toBe(run);
			await store.saveMessage(KEY, user("hello"), NOW, "r2");
			await store.dropWaiting("r3");
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
				expect(await repeat("dropped")).toBe("r3");
				expect(await store.waitingMessages()).toEqual([waiting("r1", "waits")]);
			}
		});

		test("the same run is accepted once", async () => {
			await store.acceptMessage(waiting("r1"));
			expect(await store.acceptMessage(waiting("r1"))).toBe("r1");
			expect(await waitingRuns()).toEqual(["r1"]);
			await store.saveMessage(KEY, user("hello"), NOW, "r1");
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

		test("what one process accepts another one sees, and takes", async () => {
			const other = await open(folder);
			await store.acceptMessage(waiting("r1"));
			expect(await other.waitingMessages()).toEqual([waiting("r1")]);
			await other.saveMessage(KEY, user("hello"), NOW, "r1");
			expect(await store.waitingMessages()).toEqual([]);
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
