import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	chmodSync,
	copyFileSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Message } from "../../src/core/message.ts";
import { Patience } from "../../src/database/patience.ts";
import { type ResilientStore, resilient } from "../../src/storage/resilient.ts";
import { openSqlite, sqlite } from "../../src/storage/sqlite.ts";
import type { SessionStore, StoreBackup } from "../../src/storage/store.ts";
import { waiting } from "./inbox_contract.ts";
import { canMount, grow, onSmallDisk } from "./small_disk.ts";
import { all, say, user } from "./store_contract.ts";

const KEY = "agent:main:cli:local";
const OTHER = "agent:main:cli:other";
const NOW = 1_760_000_000_000;
const LARGE = "x".repeat(300_000);

let folder: string;
let path: string;
let troubles: (string | undefined)[];
let stores: SessionStore[];

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "aeon-resilient-"));
	path = join(folder, "sessions.db");
	troubles = [];
	stores = [];
});

afterEach(async () => {
	for (const store of stores) await store.close().catch(() => {});
	rmSync(folder, { recursive: true });
});

test("a store that is well behaves like the one beneath it, from before it is open", async () => {
	const store = start();
	expect(store.health()).toEqual({ isWell: true });
	const saved = await say(store, KEY, "one", "two");
	expect(await store.acceptMessage(waiting("r1", "m1"))).toBe("r1");
	expect(await store.acceptMessage(waiting("r2", "m1"))).toBe("r1");
	expect(await store.waitingMessages()).toEqual([waiting("r1", "m1")]);
	await store.close();
	const plain = await sqlite.open({ sessions_db: path });
	stores.push(plain);
	expect(await all(plain, KEY)).toEqual(saved);
	expect(await plain.waitingMessages()).toEqual([waiting("r1", "m1")]);
	expect(troubles).toEqual([]);
	expect(store.notices()).toEqual([]);
});

test("what makes no sense is refused as ever", async () => {
	const store = start();
	await expect(
		store.saveMessage("nonsense", user("hello"), NOW),
	).rejects.toMatchObject({ code: "usage" });
	expect(store.health()).toEqual({ isWell: true });
});

test.skipIf(!canMount)(
	"on a full disk conversations go on in memory, and are written once there is room (needs the right to mount)",
	async () => {
		await onFullDisk(async (store, path, makeRoom) => {
			const saved = [...(await store.getHistory(KEY, 9))];
			saved.push(await store.saveMessage(KEY, user(LARGE), NOW + 1));
			saved.push(await store.saveMessage(KEY, user("behind it"), NOW + 2));
			expect(ascending(saved)).toBe(true);
			expect(store.health()).toEqual({
				isWell: false,
				problem: `The store ${path} failed: the disk is full. What is said meanwhile is kept in memory.`,
			});
			expect(await store.getHistory(KEY, 9)).toEqual(saved);
			expect(await store.getHistory(KEY, 2)).toEqual(saved.slice(1));
			expect(await store.getHistory(KEY, 9, saved[2]?.id)).toEqual(
				saved.slice(0, 2),
			);
			expect(await all(store, KEY)).toEqual(saved);
			expect(await store.getSession(KEY)).toMatchObject({
				createdAt: NOW,
				updatedAt: NOW + 2,
			});
			expect(await store.listSessions({ limit: 1 })).toMatchObject([
				{ sessionKey: KEY, messageCount: 3, lastText: "behind it" },
			]);
			makeRoom();
			await wellAgain(store);
			expect(await texts(path)).toEqual(["before", LARGE, "behind it"]);
			expect(troubles).toEqual([
				`The store ${path} failed: the disk is full. What is said meanwhile is kept in memory.`,
				undefined,
			]);
			// The ids that were given out meanwhile still mean the same messages.
			for (const [index, { id }] of saved.entries())
				expect(contents(await store.getHistory(KEY, 9, id))).toEqual(
					["before", LARGE, "behind it"].slice(0, index),
				);
			const last = await store.saveMessage(KEY, user("after"), NOW + 3);
			expect(ascending([...saved, last])).toBe(true);
		});
	},
);

test.skipIf(!canMount)(
	"a reset or deletion that a full disk refuses is refused, and nothing is dropped (needs the right to mount)",
	async () => {
		await onFullDisk(async (store, _path, makeRoom) => {
			await store.saveMessage(KEY, user(LARGE), NOW + 1);
			for (const change of [
				store.resetSession(KEY, NOW + 2),
				store.deleteSession(KEY),
			])
				await expect(change).rejects.toMatchObject({
					message: expect.stringContaining("the disk is full"),
				});
			expect(contents(await store.getHistory(KEY, 9))).toEqual([
				"before",
				LARGE,
			]);
			makeRoom();
			expect(await store.resetSession(KEY, NOW + 3)).toBe(`${KEY}#${NOW + 3}`);
			expect(contents(await all(store, `${KEY}#${NOW + 3}`))).toEqual([
				"before",
				LARGE,
			]);
			expect(await store.getHistory(KEY, 9)).toEqual([]);
			expect(store.health()).toEqual({ isWell: true });
		});
	},
);

test.skipIf(!canMount)(
	"what is kept while the disk is full is bounded, and the oldest is given up aloud (needs the right to mount)",
	async () => {
		await onFullDisk(async (store, path, makeRoom) => {
			await store.saveMessage(KEY, user(LARGE), NOW);
			for (let n = 1; n < 10_000; n++)
				await store.saveMessage(KEY, user(`message ${n}`), NOW + n);
			const history = await store.getHistory(KEY, 20_000);
			expect(contents(history).slice(0, 2)).toEqual(["before", "message 6000"]);
			expect(history).toHaveLength(4_001);
			expect(ascending(history)).toBe(true);
			makeRoom();
			await wellAgain(store);
			expect(await texts(path)).toEqual(contents(history));
			expect(lost(KEY)).toBe(6_000);
			expect(troubles.length).toBeLessThan(30);
		});
	},
	30_000,
);

test.skipIf(!canMount)(
	"large messages are given up before they fill the memory (needs the right to mount)",
	async () => {
		await onFullDisk(async (store) => {
			for (let n = 0; n < 30; n++)
				await store.saveMessage(KEY, user(`${n}${LARGE}`), NOW);
			const kept = (await store.getHistory(KEY, 99)).slice(1);
			expect(kept.length).toBeLessThan(28);
			expect(kept.at(-1)?.content).toBe(`29${LARGE}`);
			await store.close();
			expect(lost(KEY)).toBe(30);
		});
	},
);

test("while another process keeps the database locked, nobody waits for more than the first message", async () => {
	const store = start(200);
	await say(store, KEY, "before");
	const other = new Database(path);
	other.run("BEGIN IMMEDIATE");
	const began = performance.now();
	const repeats = ["r1", "r2"].map((run) =>
		store.acceptMessage(waiting(run, "m1")),
	);
	expect(await Promise.all(repeats)).toEqual(["r1", "r1"]);
	expect(await store.acceptMessage(waiting("r9", "m1"))).toBe("r1");
	await store.acceptMessage(waiting("r3", "m3"));
	await store.acceptMessage(waiting("r4", "m4"));
	const sessionKey = waiting("").sessionKey;
	await store.saveMessage(sessionKey, user("taken"), NOW, ["r3"]);
	await store.finishMessages(["r4"]);
	await Promise.all(
		["a", "b", "c"].map((text) => store.saveMessage(KEY, user(text), NOW)),
	);
	expect(performance.now() - began).toBeLessThan(1_500);
	const waits = [
		waiting("r1", "m1"),
		{ ...waiting("r3", "m3"), takenBy: "r3", attempts: 1 },
	];
	expect(await store.waitingMessages()).toStrictEqual(waits);
	expect(store.health().problem).toContain("another program keeps it locked");
	expect(await texts(path)).toEqual(["before"]);
	other.run("ROLLBACK");
	other.close();
	// Nothing is seen twice or missing at any moment while it is written.
	while (!store.health().isWell) {
		const history = await store.getHistory(KEY, 9);
		expect(contents(history)).toEqual(["before", "a", "b", "c"]);
		expect(contents(await all(store, KEY))).toEqual(contents(history));
		const [summary] = await store.listSessions({ dialog: "cli" });
		expect(summary?.messageCount).toBe(4);
		await new Promise((resolve) => setImmediate(resolve));
	}
	expect(await texts(path)).toEqual(["before", "a", "b", "c"]);
	expect(await texts(path, sessionKey)).toEqual(["taken"]);
	expect(await store.waitingMessages()).toStrictEqual(waits);
	expect(troubles.at(-1)).toBeUndefined();
});

test("sessions whose messages are refused do not hold up the others", async () => {
	const store = start();
	const refused = [KEY, `${KEY}2`, `${KEY}3`];
	for (const key of refused) await say(store, key, "before");
	const other = new Database(path);
	other.run(
		"CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN NEW.content = 'bad' BEGIN SELECT RAISE(ABORT, 'refused'); END",
	);
	for (const key of refused) await say(store, key, "bad", "behind it");
	for (const text of ["a", "b", "c"]) await say(store, OTHER, text);
	await until(async () => (await texts(path, OTHER)).length === 3);
	for (const key of refused) expect(await texts(path, key)).toEqual(["before"]);
	expect(store.health().isWell).toBe(false);
	other.run("DROP TRIGGER refuse");
	other.close();
	await wellAgain(store);
	for (const key of refused)
		expect(await texts(path, key)).toEqual(["before", "bad", "behind it"]);
}, 20_000);

test("a database that is damaged while it is open is put back from its backup, and the message is saved", async () => {
	const store = start();
	await say(store, KEY, ..."abcdefgh".split("").map((c) => c.repeat(9000)));
	await store.close();
	const copy = join(folder, "one.db");
	copyFileSync(path, copy);
	const backup: StoreBackup = {
		madeAt: new Date("2026-11-23T04:00").getTime(),
		extract: async (target) => copyFileSync(copy, target),
	};
	const again = start(5_000, (timestamp) => recover(timestamp, [backup]));
	await again.getSession("agent:main:cli:nobody");
	// So that nothing is read from the cache.
	const other = new Database(path);
	other.run("CREATE TABLE other (x); PRAGMA wal_checkpoint(TRUNCATE)");
	other.close();
	overwrite(path);
	const saves = ["one", "two", "three"].map((text) =>
		again.saveMessage(KEY, user(text), NOW),
	);
	await Promise.all([...saves, again.listSessions(), all(again, KEY)]);
	expect(contents(await again.getHistory(KEY, 4))).toEqual([
		"h".repeat(9000),
		"one",
		"two",
		"three",
	]);
	expect(again.health()).toEqual({ isWell: true });
	const notice = `The conversations in ${path} could not be read, so the file was set aside as ${path}.damaged-${NOW}; they go on from the backup of 2026-11-23 04:00.`;
	expect(again.notices()).toEqual([notice]);
	expect(troubles).toEqual([notice]);
});

for (const read of [
	(store: SessionStore) => store.getHistory(KEY, 99),
	(store: SessionStore) => all(store, KEY),
	(store: SessionStore) => store.listSessions(),
])
	test(`a damaged page that ${read} finds is put right`, async () => {
		const store = start();
		await say(store, KEY, ..."abcdefgh".split("").map((c) => c.repeat(9000)));
		await store.close();
		const again = start();
		await again.getSession("agent:main:cli:nobody");
		overwrite(path);
		expect(await read(again)).toEqual([]);
		expect(again.notices()).toHaveLength(1);
		expect(contents(await say(again, KEY, "new"))).toEqual(["new"]);
	});

test("a file that is no database at the start is set aside, and Aeon begins anew", async () => {
	writeFileSync(path, "this is no database ".repeat(500));
	const store = start();
	await say(store, KEY, "hello");
	expect(await texts(path)).toEqual(["hello"]);
	expect(store.notices()).toEqual([
		`The conversations in ${path} could not be read, so the file was set aside as ${path}.damaged-${NOW}; there was no backup, so they begin anew.`,
	]);
	expect(troubles).toEqual([...store.notices()]);
});

test("where recovering fails as well, conversations go on in memory until it works", async () => {
	writeFileSync(path, "this is no database ".repeat(500));
	let isHopeless = true;
	const store = start(200, (timestamp) => {
		if (isHopeless) throw new Error("no luck");
		return recover(timestamp);
	});
	const saved = await say(store, KEY, "one", "two");
	expect(ascending(saved)).toBe(true);
	expect(await store.getHistory(KEY, 9)).toEqual(saved);
	expect(store.health().problem).toContain("no luck");
	await expect(store.listSessions()).rejects.toMatchObject({
		code: "storage_failed",
	});
	await expect(store.waitingMessages()).rejects.toThrow("no luck");
	isHopeless = false;
	await wellAgain(store);
	expect(await texts(path)).toEqual(["one", "two"]);
	expect(contents(await store.getHistory(KEY, 9, saved[1]?.id))).toEqual([
		"one",
	]);
	expect(store.notices()).toHaveLength(1);
});

test("a disk that damages every database is not given one after the other", async () => {
	let recoveries = 0;
	writeFileSync(path, "this is no database ".repeat(500));
	const store = start(200, async () => `recovery ${++recoveries}`);
	await say(store, KEY, "one");
	await Bun.sleep(1_500);
	await say(store, KEY, "two");
	expect(recoveries).toBe(1);
	expect(store.health().problem).toContain("not a SQLite database");
	expect(contents(await store.getHistory(KEY, 9))).toEqual(["one", "two"]);
});

test("a database that is locked when Aeon starts is used once it is free", async () => {
	const database = new Database(path);
	database.run("CREATE TABLE other (x); BEGIN EXCLUSIVE");
	const store = start(200);
	await say(store, KEY, "one");
	expect(store.health().problem).toContain("another program keeps it locked");
	database.run("ROLLBACK");
	database.close();
	await wellAgain(store);
	expect(await texts(path)).toEqual(["one"]);
});

test.skipIf(process.getuid?.() === 0)(
	"a folder that may not be entered is named, and used once it may (not as root)",
	async () => {
		chmodSync(folder, 0);
		const store = start();
		await say(store, KEY, "one");
		expect(store.health().problem).toContain("it may not be written");
		chmodSync(folder, 0o700);
		await wellAgain(store);
		expect(await texts(path)).toEqual(["one"]);
	},
);

test("a folder that is missing and cannot be made is named, and used once it can", async () => {
	const file = join(folder, "file");
	writeFileSync(file, "");
	path = join(file, "sessions.db");
	const store = start();
	await say(store, KEY, "one");
	expect(store.health().problem).toContain("cannot be opened");
	unlinkSync(file);
	await wellAgain(store);
	expect(await texts(path)).toEqual(["one"]);
});

test("closing writes what it can, and does not wait for what it cannot", async () => {
	const store = start(200);
	await say(store, KEY, "before");
	const other = new Database(path);
	other.run("BEGIN IMMEDIATE");
	await say(store, KEY, "in time");
	other.run("ROLLBACK");
	await store.close();
	expect(await texts(path)).toEqual(["before", "in time"]);
	expect(troubles).not.toContainEqual(expect.stringContaining("lost"));
	const again = start(60_000);
	await again.getSession(KEY);
	other.run("BEGIN IMMEDIATE");
	const late = again.saveMessage(KEY, user("too late"), NOW);
	late.catch(() => {});
	const began = performance.now();
	await again.close();
	expect(performance.now() - began).toBeLessThan(3_000);
	await expect(late).rejects.toMatchObject({ code: "storage_failed" });
	other.close();
	expect(await texts(path)).toEqual(["before", "in time"]);
	await expect(say(again, KEY, "closed")).rejects.toMatchObject({
		code: "storage_failed",
	});
});

test("a store that is closed before it could be opened says so", async () => {
	const database = new Database(path);
	database.run("CREATE TABLE other (x); BEGIN EXCLUSIVE");
	const store = start();
	const saving = store.saveMessage(KEY, user("hello"), NOW);
	saving.catch(() => {});
	await store.close();
	database.run("ROLLBACK");
	database.close();
	await expect(saving).rejects.toMatchObject({ code: "storage_failed" });
});

test("the tokens of kept answers are counted", async () => {
	const store = start(200);
	await say(store, KEY, "before");
	const other = new Database(path);
	other.run("BEGIN IMMEDIATE");
	const answer: Message = {
		role: "assistant",
		content: "hi",
		usage: {
			inputTokens: 1,
			outputTokens: 2,
			cacheReadTokens: 3,
			cacheWriteTokens: 4,
		},
	};
	await store.saveMessage(KEY, answer, NOW - 1);
	await store.saveMessage(KEY, answer, NOW);
	expect((await store.statistics(NOW)).usage).toEqual({
		inputTokens: 1,
		outputTokens: 2,
		cacheReadTokens: 3,
		cacheWriteTokens: 4,
	});
	other.close();
});

/** A resilient store of the database at `path`. */
function start(
	patienceMs = 5_000,
	recovering: (timestamp: number) => Promise<string> = recover,
): ResilientStore {
	const opened = path;
	const store = resilient({
		open: () => openSqlite(opened, new Patience(patienceMs)),
		recover: async (timestamp) => recovering(timestamp),
		now: () => NOW,
		onTrouble: (sentence) => troubles.push(sentence),
	});
	stores.push(store);
	return store;
}

function recover(timestamp: number, backups: readonly StoreBackup[] = []) {
	return sqlite.recover({ sessions_db: path }, timestamp, backups);
}

/** Runs a test on a disk that has room for a few small messages only; one was said before. */
async function onFullDisk(
	work: (
		store: ResilientStore,
		path: string,
		makeRoom: () => void,
	) => Promise<void>,
): Promise<void> {
	await onSmallDisk(async (disk) => {
		path = join(disk, "sessions.db");
		writeFileSync(join(disk, "ballast"), "x".repeat(700_000));
		const store = start();
		await say(store, KEY, "before");
		await work(store, path, () => grow(disk));
		await store.close();
	});
}

/** What another reader finds in a session. */
async function texts(at: string, key = KEY): Promise<string[]> {
	const database = new Database(at, { readonly: true });
	try {
		return database
			.query("SELECT content FROM messages WHERE session_key = ? ORDER BY id")
			.values(key)
			.flat() as string[];
	} finally {
		database.close();
	}
}

function contents(messages: Message[]): string[] {
	return messages.map(({ content }) => content);
}

function ascending(messages: { id: number }[]): boolean {
	return messages.every(
		({ id }, n) => n === 0 || id > (messages[n - 1]?.id ?? 0),
	);
}

function wellAgain(store: ResilientStore): Promise<void> {
	return until(async () => store.health().isWell);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
	const end = performance.now() + 10_000;
	while (!(await isSo())) {
		if (performance.now() > end) throw new Error("it took too long");
		await Bun.sleep(20);
	}
}

/** How many writes of a session were said to be lost. */
function lost(key: string): number {
	return troubles
		.map((sentence) =>
			/^The oldest (\d+) writes to (\S+) are/.exec(`${sentence}`),
		)
		.filter((found) => found?.[2] === key)
		.reduce((sum, found) => sum + Number(found?.[1]), 0);
}

function overwrite(file: string): void {
	const bytes = readFileSync(file);
	writeFileSync(file, bytes.fill(0x7f, 4096));
	expect(readdirSync(folder)).toContain("sessions.db");
}
