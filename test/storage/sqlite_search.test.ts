// What is true of searching and tidying in the SQLite store only: what it costs, and what happens when the index is damaged.

import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	mkdtempSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openConnection } from "../../src/database/database.ts";
import { isDamage } from "../../src/database/failure.ts";
import { Patience } from "../../src/database/patience.ts";
import { SESSIONS } from "../../src/storage/migrations.ts";
import { resilient } from "../../src/storage/resilient.ts";
import { openSqlite, sqlite } from "../../src/storage/sqlite.ts";
import { FIND_LAST_SUMMARY } from "../../src/storage/sqlite_sessions.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { WordIndex } from "../../src/storage/word_index.ts";
import { all, say, user } from "./store_contract.ts";
import { summary } from "./summary_contract.ts";

const KEY = "agent:main:cli:local";
const OTHER = "agent:main:cli:other";

let folder: string;
let path: string;
let store: SessionStore;

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), "aeon-sqlite-search-"));
	path = join(folder, "sessions.db");
	store = await open();
});

afterEach(async () => {
	await store.close().catch(() => {});
	rmSync(folder, { recursive: true });
});

test("a summary is found without a look at the messages of its session", () => {
	const details = asked((database) =>
		database.query(`EXPLAIN QUERY PLAN ${FIND_LAST_SUMMARY}`).all(KEY),
	) as { detail: string }[];
	expect(details.map(({ detail }) => detail)).toEqual([
		"SEARCH messages USING INTEGER PRIMARY KEY (rowid=?)",
		"SCALAR SUBQUERY 1",
		"SEARCH summaries USING INDEX sqlite_autoindex_summaries_1 (session_key=?)",
	]);
});

test("a summary whose metadata is damaged stands for nothing, and so hides nothing", async () => {
	const [first] = await say(store, KEY, "one");
	for (const through of [
		"-1",
		"1.5",
		"1e300",
		'"1"',
		"null",
		"[1]",
		"9007199254740993",
	]) {
		change((database) =>
			database.run(
				"INSERT INTO messages (session_key, role, content, timestamp, metadata) VALUES (?, 'summary', 'short', 7, ?)",
				[KEY, `{"through":${through},"model":"m"}`],
			),
		);
		expect(await store.findSummary(KEY)).toMatchObject({
			...summary("short", 0),
			model: "m",
		});
	}
	change((database) =>
		database.run("UPDATE messages SET metadata = '{' WHERE role = 'summary'"),
	);
	expect(await store.findSummary(KEY)).toMatchObject(summary("short", 0));
	expect((await all(store, KEY))[0]).toEqual(first as never);
});

test("saving a message writes nothing into the index, and a search takes in what is missing", async () => {
	await say(store, KEY, ...numbered(300));
	await store.saveMessage(
		KEY,
		{ role: "tool", content: "x", toolCallId: "c", toolName: "t" },
		1,
	);
	expect(state()).toEqual({ through: 0, texts: 0 });
	expect(await find("number299")).toEqual(["number299"]);
	expect(state()).toEqual({ through: 301, texts: 300 });
	await say(store, KEY, "more");
	expect(state()).toEqual({ through: 301, texts: 300 });
	expect(await find("number298")).toEqual(["number298"]);
	expect(state()).toEqual({ through: 302, texts: 301 });
});

test("a search that finds all it needs in the index writes nothing", async () => {
	await say(store, KEY, ...numbered(10));
	await find("number1");
	await say(store, OTHER, "elsewhere");
	const before = bytes();
	await find("number2");
	await store.searchMessages({ text: "x", sessionKeys: [], limit: 5 });
	await store.searchMessages({ text: "", sessionKeys: [OTHER], limit: 5 });
	expect(bytes()).toEqual(before);
});

test("a conversation whose every turn is searched for before its last messages is taken in seldom", async () => {
	const window = 40;
	const seen = new Set<number>();
	for (let n = 0; n < 400; n++) {
		const [saved] = await say(store, KEY, `number${n}`);
		const id = Number(saved?.id) - window;
		const found = await store.searchMessages({
			text: `number${n - window - 1}`,
			sessionKeys: [KEY],
			limit: 1,
			before: { sessionKey: KEY, id },
		});
		expect(found).toHaveLength(n > window ? 1 : 0);
		seen.add(state().through);
	}
	expect(seen.size).toBeLessThan(12);
});

test("a search takes in one batch after the other, others have their turn in between, and the next one goes on", async () => {
	await say(store, KEY, ...numbered(900));
	await store.close();
	const connection = await openConnection(path, SESSIONS, new Patience());
	const index = new WordIndex(connection, 0);
	for (const through of [200, 400, 600, 800, 900, 900]) {
		await index.catchUp(900);
		expect(state().through).toBe(through);
	}
	await connection.close();
	store = await open();
	await say(store, KEY, ...numbered(900));
	let [turns, isFound] = [0, false];
	const searching = find("number899").then(() => {
		isFound = true;
	});
	await store.saveMessage(OTHER, user("between"), 1);
	expect(isFound).toBe(false);
	for (; !isFound; turns++)
		await new Promise((resolve) => setImmediate(resolve));
	await searching;
	expect(turns).toBeGreaterThan(3);
	expect(state().texts).toBeGreaterThanOrEqual(1800);
});

test("a batch holds few of long messages", async () => {
	await say(store, KEY, ...Array(12).fill("word ".repeat(10_000)));
	await store.close();
	const connection = await openConnection(path, SESSIONS, new Patience());
	await new WordIndex(connection, 0).catchUp(12);
	expect(state().through).toBe(4);
	await connection.close();
});

test("searches at the same time, in two processes as well, take every message in once", async () => {
	await say(store, KEY, ...numbered(1000));
	const other = await open();
	const found = await Promise.all(
		[store, other, store, other, store].map((one) => find("number7", one)),
	);
	expect(found).toEqual(Array(5).fill(["number7"]));
	expect(state()).toEqual({ through: 1000, texts: 1000 });
	expect(countedTexts()).toBe(1000);
	await other.close();
});

test("a search in a locked database gives what is in the index", async () => {
	await say(store, KEY, "apple one");
	await find("apple");
	await say(store, KEY, "apple two");
	await store.close();
	store = await openSqlite(path, new Patience(100));
	const other = new Database(path);
	other.run("BEGIN IMMEDIATE");
	expect(await find("apple")).toEqual(["apple one"]);
	other.run("ROLLBACK");
	other.close();
	expect(await find("apple")).toHaveLength(2);
});

test("deleting a session takes its words out of the index, without those that were never in it", async () => {
	await say(store, KEY, ...numbered(50));
	await say(store, OTHER, "kept");
	await find("number1");
	await find("kept", store, OTHER);
	expect(state().texts).toBe(51);
	await say(store, KEY, "never searched");
	await store.deleteSession(KEY);
	expect(state()).toEqual({ through: 51, texts: 1 });
	expect(
		change((database) =>
			database
				.query(
					"SELECT rowid FROM message_words WHERE message_words MATCH 'number1 OR searched'",
				)
				.all(),
		),
	).toEqual([]);
});

test("tidying takes the words of deleted sessions out of the index's pages, and then has nothing to write", async () => {
	await say(store, KEY, ...numbered(2000));
	await say(store, OTHER, "kept");
	await find("number1");
	await find("kept", store, OTHER);
	await store.tidy();
	const full = statSync(path).size;
	await store.deleteSession(KEY);
	await store.tidy();
	expect(statSync(path).size).toBeLessThan(full / 3);
	const words = change((database) =>
		database
			.query<{ block: Uint8Array }, []>("SELECT block FROM message_words_data")
			.all(),
	);
	expect(
		words.map(({ block }) => Buffer.from(block).toString()).join(),
	).not.toContain("umber");
	expect(await find("kept", store, OTHER)).toEqual(["kept"]);
	await store.tidy();
	const before = [...bytes(), statSync(path).mtimeMs];
	await store.tidy();
	expect([...bytes(), statSync(path).mtimeMs]).toEqual(before);
	expect(statSync(`${path}-wal`).size).toBe(0);
});

test("a large index is tidied piece by piece, until nothing is left to do", async () => {
	await say(store, OTHER, "last");
	change((database) => {
		const add = database.query(
			"INSERT INTO messages (session_key, role, content, timestamp) VALUES (?, 'user', ?, 1)",
		);
		database.transaction(() => {
			database.run("INSERT INTO sessions VALUES (?, 'main', 1, 2)", [KEY]);
			for (let n = 0; n < 16_000; n++) {
				const words = Array.from(
					{ length: 30 },
					(_, w) => `w${(n * w) % 6007}`,
				);
				add.run(n % 2 ? KEY : OTHER, words.join(" "));
			}
		})();
	});
	for (let n = 0; n < 9; n++) await find("w17", store, KEY);
	expect(state().through).toBe(16_001);
	const size = () =>
		change(
			(database) =>
				database
					.query("SELECT sum(length(block)) FROM message_words_data")
					.values()[0]?.[0] as number,
		);
	const full = size();
	await store.deleteSession(KEY);
	await store.tidy();
	expect(size()).toBeLessThan(full * 0.55);
	expect(await find("w17", store, OTHER)).toHaveLength(10);
}, 20_000);

test("a session and its words are deleted both or not at all", async () => {
	await say(store, KEY, "kept");
	await find("kept");
	change((database) =>
		database.run(
			"CREATE TRIGGER refuse BEFORE DELETE ON sessions BEGIN SELECT RAISE(ABORT, 'refused'); END",
		),
	);
	await expect(store.deleteSession(KEY)).rejects.toMatchObject({
		message: `The store ${path} failed: refused`,
	});
	expect(await find("kept")).toEqual(["kept"]);
	expect(state().texts).toBe(1);
});

for (const version of [1, 2, 3, 4])
	test(`in a database of version ${version} what was said is found`, async () => {
		await store.close();
		rmSync(path);
		const database = new Database(path);
		for (const step of SESSIONS.steps.slice(0, version)) database.run(step);
		database.run(`PRAGMA user_version = ${version}`);
		database.run("INSERT INTO sessions VALUES (?, 'main', 1, 2)", [KEY]);
		database.run(
			"INSERT INTO messages VALUES (7, ?, 'user', 'an old plum', 2, NULL)",
			[KEY],
		);
		database.close();
		store = await open();
		expect(state()).toEqual({ through: 0, texts: 0 });
		expect(await find("plum")).toEqual(["an old plum"]);
		expect(await store.findSummary(KEY)).toBeUndefined();
		const saved = await store.saveMessage(KEY, summary("s", 7), 3);
		expect(await store.findSummary(KEY)).toEqual(saved as never);
		// The file is written anew here.
		await store.tidy();
		expect(await find("plum")).toEqual(["an old plum"]);
		await say(store, KEY, "a new plum");
		expect((await find("plum")).sort()).toEqual(["a new plum", "an old plum"]);
	});

test("a damaged index is made anew, and nobody is told that conversations are lost", async () => {
	for (const work of [
		async (aeon: SessionStore) => {
			expect(await find("number42", aeon)).toEqual(["number42"]);
			expect(state().through).toBe(902);
		},
		async (aeon: SessionStore) => {
			expect(await aeon.deleteSession(OTHER)).toBe(true);
			expect(await find("number42", aeon)).toEqual(["number42"]);
		},
		async (aeon: SessionStore) => {
			await say(aeon, KEY, "and more");
			expect(await find("more", aeon)).toEqual(["and more"]);
		},
	]) {
		await fillAndDamage("content");
		const aeon = start();
		await work(aeon);
		expect(aeon.notices()).toEqual([]);
		expect(aeon.health()).toEqual({ isWell: true });
		expect(await all(aeon, KEY)).toHaveLength(
			(await all(aeon, KEY)).length > 901 ? 902 : 901,
		);
		await aeon.close();
		expect(statSync(path).size).toBeGreaterThan(100_000);
		rmSync(path);
		store = await open();
	}
});

test("an index that cannot even be removed is left alone, and conversations go on", async () => {
	await fillAndDamage("pages");
	const aeon = start();
	const error = await find("number42", aeon).catch((error) => error);
	expect(error).toMatchObject({
		code: "storage_failed",
		message: `The store ${path} cannot be searched: a part of it is damaged`,
	});
	expect(isDamage(error)).toBe(false);
	expect(await aeon.deleteSession(OTHER)).toBe(true);
	expect(await all(aeon, KEY)).toHaveLength(901);
	await say(aeon, KEY, "on we go");
	expect(await aeon.getHistory(KEY, 1)).toMatchObject([user("on we go")]);
	expect(aeon.notices()).toEqual([]);
	await aeon.close();
	// Nor is it put out of the way at the next start.
	const again = start();
	expect(await all(again, KEY)).toHaveLength(902);
	expect(again.notices()).toEqual([]);
	await again.close();
});

test("an index that somebody has dropped is made anew", async () => {
	await say(store, KEY, "apple");
	await find("apple");
	change((database) => database.run("DROP TABLE message_words"));
	expect(await find("apple")).toEqual(["apple"]);
	change((database) => database.run("DROP TABLE message_words"));
	expect(await store.deleteSession(KEY)).toBe(true);
});

function open() {
	return sqlite.open({ sessions_db: path });
}

/** A store that would put a damaged database out of the way. */
function start() {
	return resilient({
		open,
		recover: (timestamp) =>
			sqlite.recover({ sessions_db: path }, timestamp, []),
		now: () => 1,
	});
}

async function find(text: string, from = store, key = KEY) {
	const found = await from.searchMessages({
		text,
		sessionKeys: [key],
		limit: 10,
	});
	return found.map((passage) => passage.text);
}

function numbered(count: number): string[] {
	return Array.from({ length: count }, (_, n) => `number${n}`);
}

/** Looks or does something by another connection. */
function change<T>(work: (database: Database) => T): T {
	const database = new Database(path);
	try {
		return work(database);
	} finally {
		database.close();
	}
}

const asked = change;

/** Up to which message the index goes, and how many texts are in it. */
function state(): { through: number; texts: number } {
	return change((database) => ({
		through: database
			.query("SELECT indexed_through FROM search_state")
			.values()[0]?.[0] as number,
		texts: database
			.query("SELECT count(*) FROM message_words_docsize")
			.values()[0]?.[0] as number,
	}));
}

/** How many texts were added, as the index itself counts: the first number of its averages. */
function countedTexts(): number {
	const [first = 0, second = 0] = change(
		(database) =>
			database
				.query("SELECT block FROM message_words_data WHERE id = 1")
				.values()[0]?.[0] as Uint8Array,
	);
	return first < 0x80 ? first : ((first & 0x7f) << 7) | second;
}

function bytes() {
	return ["", "-wal"].map((end) => readFileSync(path + end).toString("base64"));
}

/** Damages the index of a filled database: what is in its pages, or the pages themselves. */
async function fillAndDamage(what: "content" | "pages"): Promise<void> {
	await say(store, KEY, ...numbered(900), "the end");
	await say(store, OTHER, "elsewhere");
	await find("number1");
	await find("elsewhere", store, OTHER);
	await store.close();
	const pages = change(
		(database) =>
			database
				.query(
					"SELECT pageno FROM dbstat WHERE name = 'message_words_data' AND pagetype = 'leaf'",
				)
				.values()
				.flat() as number[],
	);
	expect(pages.length).toBeGreaterThan(0);
	const file = readFileSync(path);
	for (const page of pages)
		if (what === "pages") file.fill(0x7f, (page - 1) * 4096, page * 4096);
		else file.fill(0, page * 4096 - 30, page * 4096);
	writeFileSync(path, file);
}
