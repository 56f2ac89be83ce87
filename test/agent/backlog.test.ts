import { expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import {
	chooseCut,
	type Kept,
	type PastTurn,
	readBacklog,
	takeChunk,
} from "../../src/agent/backlog.ts";
import { estimateTokens } from "../../src/agent/budget.ts";
import { isSpoken } from "../../src/agent/history.ts";
import { buildPrompt } from "../../src/agent/prompt.ts";
import type { Message } from "../../src/core/message.ts";
import { sqlite } from "../../src/storage/sqlite.ts";
import { createOpenai, never } from "../llm/asking.ts";
import { temporaryFolder } from "../support/home.ts";
import { brokenRules } from "../support/rules.ts";
import { exchange, talker } from "./compaction_rig.ts";

const llm = createOpenai("http://127.0.0.1:1");
const agent = talker(llm, llm);

const text = fc.constantFrom("hello", "two\nlines", "x".repeat(400));
const call = fc.record({
	id: fc.constantFrom("a", "b", "c"),
	name: fc.constant("exec"),
	input: fc.constant({ command: "ls" }),
});
/** A turn as it is kept: what was said, calls with their results, perhaps torn off anywhere by a kill. */
const turn = fc
	.record({
		said: text,
		steps: fc.array(fc.uniqueArray(call, { selector: ({ id }) => id }), {
			maxLength: 3,
		}),
		torn: fc.option(fc.nat(8)),
	})
	.map(({ said, steps, torn }): Message[] => {
		const messages: Message[] = [
			{ role: "user", content: said },
			...steps.flatMap((toolCalls): Message[] => [
				{ role: "assistant", content: "", toolCalls },
				...toolCalls.map(
					({ id, name }): Message => ({
						role: "tool",
						content: "ran",
						toolCallId: id,
						toolName: name,
					}),
				),
			]),
			{ role: "assistant", content: "done" },
		];
		return torn === null ? messages : messages.slice(0, 1 + torn);
	});
const kept: fc.Arbitrary<Kept> = fc.record({
	tokens: fc.nat(1_000),
	messages: fc.nat(12),
});

/** A store with a session of these messages. */
async function openSession() {
	const folder = temporaryFolder();
	const store = await sqlite.open({
		sessions_db: join(folder.path, "sessions.db"),
	});
	let sessions = 0;
	return {
		store,
		async save(messages: Message[]) {
			const sessionKey = `agent:main:cli:${sessions++}`;
			const ids: number[] = [];
			for (const message of messages)
				ids.push((await store.saveMessage(sessionKey, message, 1)).id);
			const read = (more: Partial<Parameters<typeof readBacklog>[0]> = {}) =>
				readBacklog({
					store,
					sessionKey,
					signal: never,
					through: 0,
					maxTokens: 1_000_000,
					runningFrom: () => undefined,
					...more,
				});
			return { sessionKey, ids, read };
		},
		async [Symbol.asyncDispose]() {
			await store.close();
			folder[Symbol.dispose]();
		},
	};
}

test("wherever a history is cut, no turn is: what is left keeps the providers' rules, at least two turns of it whole", async () => {
	await using it = await openSession();
	await fc.assert(
		fc.asyncProperty(
			fc.array(turn, { minLength: 1, maxLength: 12 }),
			kept,
			async (turns, limits) => {
				const messages = turns.flat();
				const { sessionKey, read } = await it.save(messages);
				const past = await read();
				expect(past.map((one) => one.messages)).toEqual(
					turns.map(({ length }) => length),
				);
				const cut = chooseCut(past, limits);
				expect(turns.length - cut).toBeGreaterThanOrEqual(
					Math.min(2, turns.length),
				);
				const through = past[cut - 1]?.end.id ?? 0;
				const context = (await it.store.getHistory(sessionKey, 500))
					.filter(isSpoken)
					.filter(({ id }) => id > through);
				expect(context).toMatchObject(turns.slice(cut).flat());
				const summary = { role: "summary" as const, content: "S.", through };
				const { request } = await buildPrompt(
					agent,
					{ context, summary },
					{ form: "whole" },
				);
				expect(brokenRules(request.messages)).toEqual([]);
			},
		),
		{ numRuns: 300 },
	);
});

test("of the newest turns stay as many as fit, and two in any case", () => {
	const turns = Array.from({ length: 6 }, () => ({ weight: 100, messages: 2 }));
	const cut = (tokens: number, messages: number) =>
		chooseCut(turns, { tokens, messages });
	expect(cut(0, 0)).toBe(4);
	expect(cut(1_000, 100)).toBe(0);
	expect(cut(300, 100)).toBe(3);
	expect(cut(399, 100)).toBe(3);
	expect(cut(1_000, 8)).toBe(2);
	expect(chooseCut(turns.slice(0, 2), { tokens: 0, messages: 0 })).toBe(0);
	expect(chooseCut([], { tokens: 0, messages: 0 })).toBe(0);
});

test("only what came after the last summary and before the turn that runs is read", async () => {
	await using it = await openSession();
	const { ids, read } = await it.save([0, 1, 2, 3].flatMap(exchange));
	const ends = (turns: PastTurn[]) => turns.map(({ end }) => end.id);
	const at = (...some: number[]) => some.map((n) => ids[n] ?? 0);
	expect(ends(await read())).toEqual(at(1, 3, 5, 7));
	expect(ends(await read({ through: ids[3] ?? 0 }))).toEqual(at(5, 7));
	expect(ends(await read({ runningFrom: () => ids[6] }))).toEqual(at(1, 3, 5));
});

test("summaries are no part of what is summed up", async () => {
	await using it = await openSession();
	const summary: Message = { role: "summary", content: "S.", through: 1 };
	const { read } = await it.save([...exchange(0), summary, ...exchange(1)]);
	const turns = await read();
	expect(turns.map(({ messages }) => messages)).toEqual([2, 2]);
	expect(turns.map(({ transcript }) => transcript).join()).not.toContain("S.");
});

test("of a history that is too long the oldest turns are left out whole", async () => {
	await using it = await openSession();
	const all = Array.from({ length: 200 }, (_, n) => exchange(n)).flat();
	const { read } = await it.save(all);
	const whole = await read();
	const turns = await read({ maxTokens: 4_000 });
	expect(whole).toHaveLength(200);
	expect(turns.length).toBeLessThan(150);
	expect(turns).toEqual(whole.slice(-turns.length));
	const tokens = turns.reduce((sum, one) => sum + one.tokens, 0);
	expect(tokens).toBeGreaterThanOrEqual(4_000);
});

test("a piece takes as many turns as there is room for, and of one that is too large its beginning and its end", async () => {
	await using it = await openSession();
	const big: Message = { role: "user", content: `A${"x".repeat(9_000)}Z` };
	const { read } = await it.save([...exchange(0), ...exchange(1), big]);
	const turns = await read();
	const [first, second] = turns.map(({ tokens }) => tokens);
	const both = (first ?? 0) + (second ?? 0);
	expect(takeChunk(turns, both)).toMatchObject({ messages: 4 });
	const cut = takeChunk(turns, 500);
	expect(cut?.messages).toBe(1);
	expect(cut?.transcript).toMatch(/user: Ax.*characters left out.*xZ\n$/s);
	expect(estimateTokens(cut?.transcript ?? "")).toBeLessThanOrEqual(500);
	expect(takeChunk(turns, 500)).toBeUndefined();
});
