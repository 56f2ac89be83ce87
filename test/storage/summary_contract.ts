// What every store must do with summaries of conversations; store.test.ts runs it with each driver.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SummaryMessage } from "../../src/core/message.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { all, type OpenStore, say } from "./store_contract.ts";

const KEY = "agent:main:telegram:1";
const OTHER = "agent:main:telegram:12";
const NOW = 1_760_000_000_000;

/** A summary of all up to a message. */
export function summary(content: string, through: number): SummaryMessage {
	return { role: "summary", content, through };
}

export function describeSummaries(name: string, open: OpenStore): void {
	describe(`the summaries of the ${name} store`, () => {
		let folder: string;
		let store: SessionStore;

		beforeEach(async () => {
			folder = mkdtempSync(join(tmpdir(), "aeon-summaries-"));
			store = await open(folder);
		});

		afterEach(async () => {
			await store.close();
			rmSync(folder, { recursive: true });
		});

		/** Sums up what was said so far. */
		const sumUp = async (key: string, content: string) => {
			const through = (await store.getHistory(key, 1))[0]?.id ?? 0;
			return store.saveMessage(key, summary(content, through), NOW);
		};

		test("a session without a summary has none", async () => {
			expect(await store.findSummary(KEY)).toBeUndefined();
			await say(
				store,
				KEY,
				"hello",
				'{"role":"summary"}',
				'\n{"role":"summary"',
			);
			await say(store, OTHER, "hello");
			await sumUp(OTHER, "A greeting.");
			expect(await store.findSummary(KEY)).toBeUndefined();
		});

		test("the summary saved last is found, whatever was said since", async () => {
			await say(store, KEY, "one", "two");
			const first = await sumUp(KEY, "first");
			expect(await store.findSummary(KEY)).toStrictEqual(first as never);
			await say(store, KEY, "three", "x".repeat(200_000), "four");
			expect(await store.findSummary(KEY)).toStrictEqual(first as never);
			const second = await sumUp(KEY, "second\0 \ud83d ü\n");
			const third = await sumUp(KEY, "third");
			expect(await store.findSummary(KEY)).toStrictEqual(third as never);
			await say(store, KEY, ...Array(300).fill("x".repeat(900)));
			expect(await store.findSummary(KEY)).toStrictEqual(third as never);
			expect(second.id).toBeLessThan(third.id);
			await store.close();
			store = await open(folder);
			expect(await store.findSummary(KEY)).toStrictEqual(third as never);
			const { id: _, timestamp: __, ...message } = third;
			expect(message).toStrictEqual({
				...summary("third", second.id),
			});
		});

		test("a summary that another process has saved is found", async () => {
			await say(store, KEY, "one");
			expect(await store.findSummary(KEY)).toBeUndefined();
			const other = await open(folder);
			const saved = await other.saveMessage(KEY, summary("theirs", 1), NOW);
			expect(await store.findSummary(KEY)).toStrictEqual(saved as never);
			await other.close();
		});

		test("a reset takes the summary into the archive, and a deletion ends it", async () => {
			await say(store, KEY, "one");
			const saved = await sumUp(KEY, "kept");
			expect(await store.findSummary(KEY)).toStrictEqual(saved as never);
			const archive = `${await store.resetSession(KEY, NOW)}`;
			expect(await store.findSummary(KEY)).toBeUndefined();
			expect(await store.findSummary(archive)).toStrictEqual(saved as never);
			await say(store, KEY, "anew");
			expect(await store.findSummary(KEY)).toBeUndefined();
			await store.deleteSession(archive);
			expect(await store.findSummary(archive)).toBeUndefined();
			await say(store, archive, "a", "b", "c");
			expect(await store.findSummary(archive)).toBeUndefined();
		});

		test("a summary is found in a session that took the place of another one, however long that was", async () => {
			const begin = async () => {
				await say(store, KEY, "x".repeat(2_000), "y");
				expect(await store.findSummary(KEY)).toBeUndefined();
			};
			const check = async () => {
				const saved = await sumUp(KEY, "early");
				await say(store, KEY, "x".repeat(5_000), "y");
				expect(await store.findSummary(KEY)).toStrictEqual(saved as never);
			};
			await begin();
			await store.resetSession(KEY, NOW);
			await check();
			await store.deleteSession(KEY);
			await begin();
			await store.deleteSession(KEY);
			await check();
		});

		test("a summary that claims to stand for what comes after it stands for nothing", async () => {
			const [first] = await say(store, KEY, "one");
			const saved = await store.saveMessage(
				KEY,
				summary("all of it", Number.MAX_SAFE_INTEGER),
				NOW,
			);
			expect(saved).toMatchObject({ role: "summary", through: 0 });
			expect(await store.findSummary(KEY)).toStrictEqual(saved as never);
			expect(await all(store, KEY)).toStrictEqual([first, saved] as never);
		});
	});
}
