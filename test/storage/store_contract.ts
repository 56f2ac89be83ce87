// What every store must do, whatever it is made of; store.test.ts runs it with each driver.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Message } from "../../src/core/message.ts";
import type { SessionStore, StoredMessage } from "../../src/storage/store.ts";

const KEY = "agent:main:telegram:123456789";
const NOW = 1_760_000_000_000;

/** Texts that stores tend to spoil. */
export const NAUGHTY_TEXTS = [
	"",
	" \t\n\r\n ",
	"a\0b",
	"\0",
	"ends in NUL\0",
	"👩‍👩‍👧‍👦 🇩🇪 é é ﷽ 𒐫",
	"\ufeffbyte order mark",
	"half a pair \ud83d here",
	"\udc00",
	"two\u2028lines\u2029apart",
	'{"role":"assistant","content":"}{"}',
	'"]}\n{"session_key":"agent:other:x:y"}',
	"'; DROP TABLE messages; --",
	"%00 %s $HOME $key <script>",
	"\u202Eright to left",
	"null",
	"\x7f\x1b[31mred\x1b[0m",
];

const NAUGHTY_KEYS = [
	"agent:main:cli:local",
	"agent:main:cli:LOCAL",
	"agent:main:cli:Local",
	"agent:main:whatsapp:+4915112345678",
	"agent:main:telegram:-100123:topic:7",
	"agent:main:cli:../../etc/passwd",
	"agent:main:cli:..",
	"agent:main:cli:a/b",
	"agent:main:cli:a%2fb",
	"agent:main:cli:a%2Fb",
	"agent:main:cli:a\\b",
	"agent:main:cli:a b",
	"agent:main:cli:a+b",
	"agent:main:cli:a#5",
	"agent:main:cli:a#5#6",
	"agent:main:cli:a\0b",
	"agent:main:cli:a\nb",
	"agent:main:cli:*?<>|\"'~",
	"agent:main:cli:Müller",
	"agent:main:cli:Mu\u0308ller",
	"agent:main:cli:😀",
	`agent:main:cli:${"x".repeat(400)}1`,
	`agent:main:cli:${"x".repeat(400)}2`,
	`agent:main:cli:${"😀".repeat(200)}`,
];

const TURN: Message[] = [
	{
		role: "user",
		content: "what is in this picture?",
		attachments: [{ path: "/tmp/a b/ü.png", mimeType: "image/png" }],
		recalled: "likes cats\0, half a pair \ud83d",
	},
	{
		role: "assistant",
		content: "",
		toolCalls: [
			{
				id: "call_1",
				name: "exec",
				input: {
					command: 'printf "a\\0b"',
					nested: { list: [1, null, { deep: "\ud800" }] },
					toString: "own",
				},
			},
			{ id: "call_2", name: "file_read", input: {}, error: "cut off" },
		],
		usage: {
			inputTokens: 12,
			outputTokens: 3,
			cacheReadTokens: 2048,
			cacheWriteTokens: 0,
		},
		stopReason: "tool_use",
		model: "claude-test",
	},
	{
		role: "tool",
		content: "a\0b",
		toolCallId: "call_1",
		toolName: "exec",
		isError: false,
	},
	{
		role: "tool",
		content: "cut off",
		toolCallId: "call_2",
		toolName: "file_read",
		isError: true,
		attachments: [{ path: "/tmp/out.txt", mimeType: "text/plain" }],
	},
	{
		role: "assistant",
		content: "A cat.",
		stopReason: "loop_limit",
		notice: "Stopped after 25 tool calls",
		trimmed: true,
	},
	{
		role: "summary",
		content: "They spoke\0 of a cat \ud83d.",
		through: 1,
		usage: {
			inputTokens: 900,
			outputTokens: 40,
			cacheReadTokens: 0,
			cacheWriteTokens: 7,
		},
		model: "claude-small",
	},
];

/** A whole store in a folder of its own. */
export type OpenStore = (folder: string) => Promise<SessionStore>;

export function describeStore(name: string, open: OpenStore): void {
	describe(`the ${name} store`, () => {
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

		test("knows nothing of a session that nobody began", async () => {
			expect(await store.getSession(KEY)).toBeUndefined();
			expect(await store.getHistory(KEY, 10)).toEqual([]);
			expect(await all(store, KEY)).toEqual([]);
			expect(await store.listSessions()).toEqual([]);
			expect(await store.resetSession(KEY, NOW)).toBeUndefined();
			expect(await store.deleteSession(KEY)).toBe(false);
		});

		test("makes a session with its first message and remembers its last use", async () => {
			await store.saveMessage(KEY, user("hello"), NOW);
			await store.saveMessage(KEY, user("again"), NOW + 500);
			expect(await store.getSession(KEY)).toEqual({
				sessionKey: KEY,
				agentId: "main",
				createdAt: NOW,
				updatedAt: NOW + 500,
			});
		});

		test("gives the last messages of a session, oldest first", async () => {
			const saved = await say(store, KEY, "one", "two", "three", "four");
			expect(await store.getHistory(KEY, 10)).toStrictEqual(saved);
			expect(await store.getHistory(KEY, 2)).toStrictEqual(saved.slice(2));
			expect(await store.getHistory(KEY, 0)).toEqual([]);
			expect(await store.getHistory(KEY, -1)).toEqual([]);
		});

		test("gives the messages before an id, the last of them", async () => {
			const saved = await say(store, KEY, "one", "two", "three", "four");
			await say(store, "agent:main:cli:other", "not asked for");
			const [first, , third, last] = saved.map(({ id }) => id);
			const before = (id: number | undefined, limit: number) =>
				store.getHistory(KEY, limit, id);
			expect(await before(last, 10)).toStrictEqual(saved.slice(0, 3));
			expect(await before(last, 2)).toStrictEqual(saved.slice(1, 3));
			expect(await before(third, 1)).toStrictEqual(saved.slice(1, 2));
			expect(await before(Number(third) + 1, 2)).toEqual(saved.slice(1, 3));
			expect(await before(first, 10)).toEqual([]);
			expect(await before(-1, 10)).toEqual([]);
			expect(await before(Number.MAX_SAFE_INTEGER, 9)).toStrictEqual(saved);
		});

		test("gives every message an id greater than the one before", async () => {
			const saved = await say(store, KEY, "one", "two", "three");
			const ids = saved.map(({ id }) => id);
			expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
		});

		test("keeps the order of saving when the clock goes backwards", async () => {
			await store.saveMessage(KEY, user("first"), NOW);
			await store.saveMessage(KEY, user("second"), 0);
			await store.saveMessage(KEY, user("third"), NOW - 5);
			const history = await store.getHistory(KEY, 10);
			expect(history.map(({ content }) => content)).toEqual([
				"first",
				"second",
				"third",
			]);
			expect(history.map(({ timestamp }) => timestamp)).toEqual([
				NOW,
				0,
				NOW - 5,
			]);
		});

		test("gives every text back exactly as it was", async () => {
			const texts = [...NAUGHTY_TEXTS, "1 MB: ü\0".repeat(120_000)];
			await say(store, KEY, ...texts);
			const expected = texts.map(user);
			expect((await all(store, KEY)).map(asMessage)).toStrictEqual(expected);
			const history = await store.getHistory(KEY, texts.length);
			expect(history.map(asMessage)).toStrictEqual(expected);
			// One at a time as well: the long text is read from the end in pieces.
			for (let count = 1; count <= texts.length; count++)
				expect((await store.getHistory(KEY, count)).map(asMessage)).toEqual(
					expected.slice(-count),
				);
		});

		test("gives tool calls, usage, attachments, notices and summaries back whole", async () => {
			const saved: StoredMessage[] = [];
			for (const message of TURN)
				saved.push(await store.saveMessage(KEY, message, NOW));
			expect(saved.map(asMessage)).toStrictEqual(TURN);
			expect((await store.getHistory(KEY, 10)).map(asMessage)).toStrictEqual(
				TURN,
			);
			expect((await all(store, KEY)).map(asMessage)).toStrictEqual(TURN);
		});

		test("does not keep a replay", async () => {
			const saved = await store.saveMessage(
				KEY,
				{
					role: "assistant",
					content: "hm",
					replay: { driver: "anthropic", model: "m", content: "thoughts" },
				},
				NOW,
			);
			const expected = [{ role: "assistant" as const, content: "hm" }];
			expect([asMessage(saved)]).toStrictEqual(expected);
			expect((await store.getHistory(KEY, 1)).map(asMessage)).toStrictEqual(
				expected,
			);
		});

		test("tells any two keys apart", async () => {
			for (const key of NAUGHTY_KEYS) await say(store, key, `said in ${key}`);
			for (const key of NAUGHTY_KEYS) {
				expect((await store.getSession(key))?.sessionKey).toBe(key);
				expect((await store.getHistory(key, 10)).map(asMessage)).toEqual([
					user(`said in ${key}`),
				]);
			}
			const listed = await store.listSessions();
			expect(listed.map(({ sessionKey }) => sessionKey).sort()).toEqual(
				[...NAUGHTY_KEYS].sort(),
			);
		});

		test("refuses a key that is none", async () => {
			await expect(
				store.saveMessage("nonsense", user("hello"), NOW),
			).rejects.toMatchObject({ code: "usage" });
			expect(await store.listSessions()).toEqual([]);
		});

		test("lists the session used last first, with its count and its last words", async () => {
			const [a, b, c] = ["a", "b", "c"].map((id) => `agent:main:cli:${id}`);
			await store.saveMessage(`${a}`, user("first in a"), NOW);
			await store.saveMessage(`${b}`, user("said in b"), NOW + 1);
			await store.saveMessage(`${c}`, user(`a${"😀".repeat(100)}`), NOW + 2);
			await store.saveMessage(`${a}`, user("last\0 in a"), NOW + 3);
			for (const message of [...TURN.slice(1, 3), ...TURN.slice(-1)])
				await store.saveMessage(`${a}`, message, NOW + 4);
			const summaries = [
				{
					sessionKey: a,
					agentId: "main",
					createdAt: NOW,
					updatedAt: NOW + 4,
					messageCount: 5,
					lastText: "last\0 in a",
				},
				{
					sessionKey: c,
					agentId: "main",
					createdAt: NOW + 2,
					updatedAt: NOW + 2,
					messageCount: 1,
					lastText: `a${"😀".repeat(59)}`,
				},
				{
					sessionKey: b,
					agentId: "main",
					createdAt: NOW + 1,
					updatedAt: NOW + 1,
					messageCount: 1,
					lastText: "said in b",
				},
			];
			expect(await store.listSessions()).toEqual(summaries as never);
			expect(await store.listSessions({ limit: 2 })).toEqual(
				summaries.slice(0, 2) as never,
			);
			expect(await store.listSessions({ limit: 0 })).toEqual([]);
			await store.saveMessage(`${b}`, user("b again"), NOW + 9);
			expect(
				(await store.listSessions()).map(({ sessionKey, messageCount }) => [
					sessionKey,
					messageCount,
				]),
			).toEqual([
				[`${b}`, 2],
				[`${a}`, 5],
				[`${c}`, 1],
			]);
		});

		test("exports a long session whole and in order", async () => {
			const texts = Array.from({ length: 901 }, (_, i) => `message ${i}`);
			const saved = await say(store, KEY, ...texts);
			await say(store, "agent:main:cli:other", "not exported");
			expect(await all(store, KEY)).toStrictEqual(saved);
		});

		test("an export that is left early leaves the store usable", async () => {
			await say(store, KEY, "one", "two");
			for await (const message of store.exportSession(KEY)) {
				expect(message.content).toBe("one");
				break;
			}
			await say(store, KEY, "three");
			expect(await all(store, KEY)).toHaveLength(3);
		});

		test("a reset keeps what was said under the archive's key", async () => {
			const saved = await say(store, KEY, "one", "two");
			await store.listSessions();
			const archive = await store.resetSession(KEY, NOW + 1000);
			expect(archive).toBe(`${KEY}#${NOW + 1000}`);
			expect(await store.getHistory(KEY, 10)).toEqual([]);
			expect(await all(store, `${archive}`)).toStrictEqual(saved);
			expect(await store.listSessions()).toEqual([
				{
					sessionKey: KEY,
					agentId: "main",
					createdAt: NOW + 1000,
					updatedAt: NOW + 1000,
					messageCount: 0,
					lastText: "",
				},
				{
					sessionKey: `${archive}`,
					agentId: "main",
					createdAt: NOW,
					updatedAt: NOW + 1,
					messageCount: 2,
					lastText: "two",
				},
			]);
			await say(store, KEY, "a new beginning");
			expect((await all(store, KEY)).map(asMessage)).toEqual([
				user("a new beginning"),
			]);
			expect((await store.listSessions()).map((s) => s.messageCount)).toEqual([
				2, 1,
			]);
		});

		test("a reset of an empty session archives nothing", async () => {
			await say(store, KEY, "one");
			await store.resetSession(KEY, NOW + 1000);
			expect(await store.resetSession(KEY, NOW + 2000)).toBeUndefined();
			expect(await store.listSessions()).toHaveLength(2);
		});

		test("two resets in the same millisecond make two archives", async () => {
			const first = await say(store, KEY, "one");
			expect(await store.resetSession(KEY, NOW)).toBe(`${KEY}#${NOW}`);
			const second = await say(store, KEY, "two");
			expect(await store.resetSession(KEY, NOW)).toBe(`${KEY}#${NOW + 1}`);
			expect(await all(store, `${KEY}#${NOW}`)).toStrictEqual(first);
			expect(await all(store, `${KEY}#${NOW + 1}`)).toStrictEqual(second);
		});

		test("an archive can be reset like any session", async () => {
			const saved = await say(store, KEY, "one");
			await store.resetSession(KEY, 5);
			expect(await store.resetSession(`${KEY}#5`, 6)).toBe(`${KEY}#5#6`);
			expect(await all(store, `${KEY}#5#6`)).toStrictEqual(saved);
			expect(
				(await store.listSessions()).map((s) => s.sessionKey).sort(),
			).toEqual([KEY, `${KEY}#5`, `${KEY}#5#6`]);
		});

		test("deletes a session and nothing else", async () => {
			const other = "agent:main:cli:other";
			await say(store, KEY, "one", "two");
			const kept = await say(store, other, "stays");
			expect(await store.deleteSession(KEY)).toBe(true);
			expect(await store.getSession(KEY)).toBeUndefined();
			expect(await store.getHistory(KEY, 10)).toEqual([]);
			expect(await store.deleteSession(KEY)).toBe(false);
			expect(await all(store, other)).toStrictEqual(kept);
			await say(store, KEY, "back");
			expect((await store.listSessions()).map((s) => s.messageCount)).toEqual([
				1, 1,
			]);
		});

		test("keeps the order of saves that are not waited for", async () => {
			const texts = Array.from({ length: 200 }, (_, i) => `message ${i}`);
			await Promise.all(
				texts.map((text) => store.saveMessage(KEY, user(text), NOW)),
			);
			expect((await all(store, KEY)).map(asMessage)).toEqual(texts.map(user));
		});

		test("finds everything again after closing and opening", async () => {
			const saved = await say(store, KEY, "one", "two");
			await store.close();
			await store.close();
			store = await open(folder);
			expect(await all(store, KEY)).toStrictEqual(saved);
			const [next] = await say(store, KEY, "three");
			expect(await store.getHistory(KEY, 5)).toStrictEqual([
				...saved,
				next as StoredMessage,
			]);
		});

		test("two stores open at once lose nothing of each other", async () => {
			const other = await open(folder);
			const saved: StoredMessage[] = [];
			for (let i = 0; i < 50; i++) {
				saved.push(await store.saveMessage(KEY, user(`here ${i}`), NOW));
				saved.push(await other.saveMessage(KEY, user(`there ${i}`), NOW));
			}
			expect(await all(store, KEY)).toStrictEqual(saved);
			expect(await all(other, KEY)).toStrictEqual(saved);
			expect((await other.listSessions())[0]?.messageCount).toBe(100);
			await other.close();
			await say(store, KEY, "still here");
			expect(await store.getHistory(KEY, 200)).toHaveLength(101);
		});
	});
}

/** A message of the user's. */
export function user(content: string): Message {
	return { role: "user", content };
}

/** Saves texts of the user's, a millisecond apart. */
export async function say(
	store: SessionStore,
	key: string,
	...texts: string[]
): Promise<StoredMessage[]> {
	const saved: StoredMessage[] = [];
	for (const [index, text] of texts.entries())
		saved.push(await store.saveMessage(key, user(text), NOW + index));
	return saved;
}

/** Every message of a session, exported. */
export function all(
	store: SessionStore,
	key: string,
): Promise<StoredMessage[]> {
	return Array.fromAsync(store.exportSession(key));
}

function asMessage({ id: _, timestamp: __, ...message }: StoredMessage) {
	return message as Message;
}
