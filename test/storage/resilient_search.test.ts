// Summaries and searches while the disk fails.

import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	mkdirSync,
	mkdtempSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AeonError } from "../../src/core/errors.ts";
import { Patience } from "../../src/database/patience.ts";
import { type ResilientStore, resilient } from "../../src/storage/resilient.ts";
import { openSqlite, sqlite } from "../../src/storage/sqlite.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { all, say, user } from "./store_contract.ts";
import { summary } from "./summary_contract.ts";

const KEY = "agent:main:cli:local";
const OTHER = "agent:main:cli:other";
const NOW = 1_760_000_000_000;

let folder: string;
let path: string;
let store: ResilientStore;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "aeon-resilient-search-"));
	path = join(folder, "sessions.db");
	store = start();
});

afterEach(async () => {
	await store.close().catch(() => {});
	rmSync(folder, { recursive: true });
});

test("a store that is well finds, sums up and tidies as the one beneath it does", async () => {
	const [said] = await say(store, KEY, "an apple");
	const saved = await store.saveMessage(KEY, summary("fruit", 1), NOW);
	expect(await store.findSummary(KEY)).toStrictEqual(saved as never);
	expect(await find("apple")).toEqual([
		{
			sessionKey: KEY,
			id: Number(said?.id),
			role: "user",
			text: "an apple",
			timestamp: NOW,
		},
	]);
	await store.tidy();
	expect(store.health()).toEqual({ isWell: true });
});

test("a summary that is kept in memory is the last one, until and after it is written", async () => {
	await say(store, KEY, "before");
	const first = await store.saveMessage(KEY, summary("first", 1), NOW);
	await locked(async () => {
		expect(await store.findSummary(KEY)).toStrictEqual(first as never);
		await store.saveMessage(KEY, summary("second", first.id), NOW);
		const third = await store.saveMessage(KEY, summary("third", 1), NOW);
		await say(store, OTHER, "elsewhere");
		await store.saveMessage(KEY, user("behind it"), NOW);
		expect(await store.findSummary(KEY)).toStrictEqual(third as never);
		expect(await store.findSummary(OTHER)).toBeUndefined();
	});
	await wellAgain();
	expect(await store.findSummary(KEY)).toMatchObject(summary("third", 1));
	expect(contents(await all(store, KEY))).toEqual([
		"before",
		"first",
		"second",
		"third",
		"behind it",
	]);
});

test("a list shows what people said, not a kept summary, and its tokens are counted", async () => {
	await say(store, KEY, "said");
	await locked(async () => {
		const usage = {
			inputTokens: 1,
			outputTokens: 2,
			cacheReadTokens: 3,
			cacheWriteTokens: 4,
		};
		await store.saveMessage(KEY, { ...summary("short", 1), usage }, NOW);
		expect(await store.listSessions()).toMatchObject([
			{ messageCount: 2, lastText: "said" },
		]);
		expect((await store.statistics(NOW)).usage).toEqual(usage);
	});
});

test("a summary of messages that were called otherwise when it was made stands for no others", async () => {
	// Nobody knows the ids in a store that cannot be opened: those that are given out meanwhile are huge.
	await say(store, KEY, "early");
	await store.close();
	const state = join(folder, "state");
	mkdirSync(state);
	renameSync(path, join(state, "sessions.db"));
	renameSync(state, `${state}.away`);
	writeFileSync(state, "");
	path = join(state, "sessions.db");
	store = start();
	const [one, two] = await say(store, KEY, "one", "two");
	expect(one?.id).toBeGreaterThan(2 ** 50);
	await store.saveMessage(KEY, summary("up to one", Number(one?.id)), NOW);
	const kept = await store.findSummary(KEY);
	expect(kept).toMatchObject(summary("up to one", Number(one?.id)));
	expect(kept?.id).toBeGreaterThan(Number(two?.id));
	rmSync(state);
	renameSync(`${state}.away`, state);
	await wellAgain();
	const saved = await all(store, KEY);
	expect(contents(saved)).toEqual(["early", "one", "two", "up to one"]);
	expect(await store.findSummary(KEY)).toMatchObject({
		content: "up to one",
		through: saved[1]?.id,
	});
});

test("a store that cannot be read has no summary, but says that it cannot be searched", async () => {
	await store.close();
	writeFileSync(path, "this is no database ".repeat(500));
	store = start(() => {
		throw new Error("no luck");
	});
	expect(await store.findSummary(KEY)).toBeUndefined();
	await expect(find("apple")).rejects.toMatchObject({ code: "storage_failed" });
	await store.saveMessage(KEY, summary("kept", 1), NOW);
	expect(await store.findSummary(KEY)).toMatchObject({ content: "kept" });
});

test("an id that a message had while it was kept is an end for a search, too", async () => {
	await say(store, KEY, "plum one");
	await say(store, OTHER, "elsewhere");
	let ids: number[] = [];
	await locked(async (other) => {
		ids = (await say(store, KEY, "plum two", "plum three")).map(({ id }) => id);
		const add = other.query(
			"INSERT INTO messages (session_key, role, content, timestamp) VALUES (?, 'user', 'elsewhere', 1)",
		);
		for (let n = 0; n < 5; n++) add.run(OTHER);
	});
	await wellAgain();
	for (const [index, count] of [1, 2].entries())
		expect(
			await store.searchMessages({
				text: "plum",
				sessionKeys: [KEY],
				limit: 9,
				before: { sessionKey: KEY, id: Number(ids[index]) },
			}),
		).toHaveLength(count);
});

test("what cannot be tidied is told to whoever asked for it, and the store is as well as before", async () => {
	await say(store, KEY, "x".repeat(100_000));
	await store.deleteSession(KEY);
	await locked(async () => {
		await expect(store.tidy()).rejects.toBeInstanceOf(AeonError);
		expect(store.health()).toEqual({ isWell: true });
	});
	await store.tidy();
});

function start(
	recover = (timestamp: number) =>
		sqlite.recover({ sessions_db: path }, timestamp, []),
): ResilientStore {
	return resilient({
		open: (): Promise<SessionStore> => openSqlite(path, new Patience(200)),
		recover: async (timestamp) => recover(timestamp),
		now: () => NOW,
	});
}

/** Does the work while another program keeps the database locked. */
async function locked(work: (other: Database) => Promise<void>): Promise<void> {
	const other = new Database(path);
	other.run("BEGIN EXCLUSIVE");
	try {
		await work(other);
	} finally {
		other.run("COMMIT");
		other.close();
	}
}

async function wellAgain(): Promise<void> {
	const end = performance.now() + 10_000;
	while (!store.health().isWell) {
		if (performance.now() > end) throw new Error("it took too long");
		await Bun.sleep(20);
	}
}

function find(text: string) {
	return store.searchMessages({ text, sessionKeys: [KEY], limit: 9 });
}

function contents(messages: { content: string }[]): string[] {
	return messages.map(({ content }) => content);
}
