// What every store must do with questions about many sessions; store.test.ts runs it with each driver.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NO_USAGE } from "../../src/core/message.ts";
import type { SessionQuery, SessionStore } from "../../src/storage/store.ts";
import { type OpenStore, say, user } from "./store_contract.ts";

const KEY = "agent:main:telegram:1";
const NOW = 1_760_000_000_000;

export function describeLists(name: string, open: OpenStore): void {
	describe(`the lists of the ${name} store`, () => {
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

		const list = async (query?: SessionQuery) =>
			(await store.listSessions(query)).map(({ sessionKey }) => sessionKey);

		/** An answer that took so many tokens of each kind. */
		const answer = (timestamp: number, tokens: number, key = KEY) =>
			store.saveMessage(
				key,
				{
					role: "assistant",
					content: "hi",
					toolCalls: [{ id: "c", name: "exec", input: { usage: tokens } }],
					usage: {
						inputTokens: tokens,
						outputTokens: tokens * 2,
						cacheReadTokens: tokens * 3,
						cacheWriteTokens: tokens * 4,
					},
				},
				timestamp,
			);

		test("sessions of the same time are listed by their keys", async () => {
			const keys = ["c", "a", "b"].map((id) => `agent:main:cli:${id}`);
			for (const key of keys) await store.saveMessage(key, user("hello"), NOW);
			expect(await list()).toEqual([...keys].sort());
		});

		test("sessions are listed page by page, each of them once", async () => {
			const keys = Array.from({ length: 9 }, (_, n) => `agent:main:cli:${n}`);
			for (const [n, key] of keys.entries())
				await store.saveMessage(key, user("hello"), NOW - (n % 3));
			const whole = await list();
			expect(whole).toHaveLength(9);
			for (const limit of [1, 2, 4, 9]) {
				const paged: string[] = [];
				let before: SessionQuery["before"];
				do {
					const page = await store.listSessions({ limit, before });
					paged.push(...page.map(({ sessionKey }) => sessionKey));
					before = page.at(-1);
				} while (before);
				expect(paged).toEqual(whole);
			}
		});

		test("sessions are listed by their agent and dialog, whatever characters these have", async () => {
			const [a, b, c, d, e, f] = [
				"agent:main:cli:telegram:1",
				"agent:main:telegram:1",
				"agent:work:telegram:1",
				"agent:main:tele_ram:1",
				"agent:main:%:1",
				"agent:main:x\0ü😀:1\0",
			];
			for (const key of [a, b, c, d, e, f])
				await store.saveMessage(`${key}`, user("hello"), NOW);
			const sorted = (...keys: unknown[]) => keys.sort() as string[];
			expect(await list({ dialog: "telegram" })).toEqual(sorted(b, c));
			expect(await list({ dialog: "tele_ram" })).toEqual(sorted(d));
			expect(await list({ dialog: "%" })).toEqual(sorted(e));
			expect(await list({ dialog: "x\0ü😀" })).toEqual(sorted(f));
			expect(await list({ dialog: "cli" })).toEqual(sorted(a));
			for (const dialog of ["", "cli:telegram", "TELEGRAM", "x", "x\0"])
				expect(await list({ dialog })).toEqual([]);
			expect(await list({ agentId: "work" })).toEqual(sorted(c));
			expect(await list({ agentId: "wor" })).toEqual([]);
			expect(await list({ agentId: "main", dialog: "telegram" })).toEqual([
				`${b}`,
			]);
			expect(
				await list({
					dialog: "telegram",
					limit: 1,
					before: { updatedAt: NOW, sessionKey: `${b}` },
				}),
			).toEqual([`${c}`]);
		});

		test("an archive is listed with the dialog of its session", async () => {
			await say(store, KEY, "one");
			const archive = await store.resetSession(KEY, NOW + 5);
			expect(await list({ dialog: "telegram" })).toEqual([KEY, `${archive}`]);
		});

		test("an empty store has no sessions and no usage", async () => {
			expect(await store.statistics(0)).toEqual({
				sessions: 0,
				usage: NO_USAGE,
			});
		});

		test("the tokens since a time are counted in every session, archives too", async () => {
			await answer(NOW - 1, 1000);
			await answer(NOW, 1);
			await store.resetSession(KEY, NOW + 1);
			await say(store, KEY, "no answer");
			await answer(NOW + 2, 10);
			await answer(NOW + 3, 100, "agent:main:cli:other");
			expect(await store.statistics(NOW)).toEqual({
				sessions: 3,
				usage: {
					inputTokens: 111,
					outputTokens: 222,
					cacheReadTokens: 333,
					cacheWriteTokens: 444,
				},
			});
			const { usage } = await store.statistics(NOW - 1);
			expect(usage.inputTokens).toBe(1111);
		});

		test("the tokens of summaries are counted as those of answers are", async () => {
			const usage = {
				inputTokens: 1,
				outputTokens: 2,
				cacheReadTokens: 3,
				cacheWriteTokens: 4,
			};
			await say(store, KEY, "hello");
			await store.saveMessage(
				KEY,
				{ role: "summary", content: "A greeting.", through: 1, usage },
				NOW,
			);
			expect((await store.statistics(NOW)).usage).toEqual(usage);
			expect((await store.statistics(NOW + 1)).usage).toEqual(NO_USAGE);
		});

		test("a clock that was wrong for a moment hides no usage", async () => {
			for (const tokens of [1, 10, 100]) {
				await answer(NOW, tokens);
				for (let n = 0; n < 150; n++) await answer(0, 1000);
			}
			expect((await store.statistics(NOW)).usage.inputTokens).toBe(111);
		});

		test("the tokens since a time are counted from the end, and old messages are not read", async () => {
			// What counting from the beginning, or counting everything, would find.
			await answer(NOW, 1_000_000);
			for (let n = 0; n < 600; n++)
				await store.saveMessage(KEY, user("old"), NOW - 1);
			for (let n = 0; n < 450; n++) await answer(NOW, 1);
			expect((await store.statistics(NOW)).usage.inputTokens).toBe(450);
		});
	});
}
