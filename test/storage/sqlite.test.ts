import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	statSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { platform } from "../../src/core/platform.ts";
import { migrate } from "../../src/database/migrate.ts";
import { SESSIONS } from "../../src/storage/migrations.ts";
import { sqlite } from "../../src/storage/sqlite.ts";
import { waiting } from "./inbox_contract.ts";
import { part } from "./outbox_contract.ts";
import { canMount, onSmallDisk, remount } from "./small_disk.ts";
import { all, say, user } from "./store_contract.ts";

const KEY = "agent:main:cli:local";

let folder: string;
let path: string;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "aeon-sqlite-"));
	path = join(folder, "state", "sessions.db");
});

afterEach(() => {
	rmSync(folder, { recursive: true });
});

test("the database has exactly the documented tables and indexes", async () => {
	await (await open()).close();
	const database = new Database(path);
	const rows = database
		.query<{ sql: string }, []>(
			"SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'message_words_%' ORDER BY rowid",
		)
		.all();
	expect(rows.map(({ sql }) => sql.replace(/\s+/g, " "))).toEqual([
		"CREATE TABLE sessions (session_key TEXT PRIMARY KEY, agent_id TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)",
		"CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_key TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL, timestamp INTEGER NOT NULL, metadata TEXT, FOREIGN KEY (session_key) REFERENCES sessions(session_key))",
		"CREATE INDEX idx_messages_session ON messages(session_key, timestamp)",
		"CREATE INDEX idx_messages_session_id ON messages(session_key, id)",
		"CREATE TABLE inbox (run_id TEXT PRIMARY KEY, dialog TEXT NOT NULL, message_id TEXT, session_key TEXT NOT NULL, body TEXT NOT NULL, received_at INTEGER NOT NULL, taken_at INTEGER, turn_run TEXT, attempts INTEGER NOT NULL DEFAULT 0, done_at INTEGER)",
		"CREATE UNIQUE INDEX idx_inbox_message ON inbox(dialog, message_id) WHERE message_id IS NOT NULL",
		"CREATE TABLE outbox (delivery_id TEXT NOT NULL, part INTEGER NOT NULL, dialog TEXT NOT NULL, recipient TEXT NOT NULL, session_key TEXT, content TEXT NOT NULL, state TEXT NOT NULL, platform_id TEXT, tried_at TEXT, reason TEXT, attempts INTEGER NOT NULL, created_at INTEGER NOT NULL, due_at INTEGER, settled_at INTEGER, PRIMARY KEY (delivery_id, part))",
		"CREATE INDEX idx_outbox_pending ON outbox(dialog) WHERE state = 'pending' AND due_at IS NOT NULL",
		"CREATE TABLE summaries (session_key TEXT PRIMARY KEY, message_id INTEGER NOT NULL)",
		"CREATE TRIGGER keep_summary AFTER INSERT ON messages WHEN NEW.role = 'summary' BEGIN INSERT OR REPLACE INTO summaries VALUES (NEW.session_key, NEW.id); END",
		"CREATE VIRTUAL TABLE message_words USING fts5(content, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2')",
		"CREATE TABLE search_state (indexed_through INTEGER NOT NULL)",
	]);
	expect(database.query("PRAGMA user_version").values()).toEqual([[5]]);
	expect(database.query("PRAGMA auto_vacuum").values()).toEqual([[2]]);
	expect(database.query("PRAGMA journal_mode").values()).toEqual([["wal"]]);
	database.close();
});

test("every save runs with the documented pragmas", async () => {
	const store = await open();
	const database = new Database(path);
	const names = [
		"busy_timeout",
		"journal_mode",
		"synchronous",
		"foreign_keys",
		"journal_size_limit",
	];
	// A trigger runs in the connection that saves, and so sees its pragmas.
	database.run(`
		CREATE TABLE seen (name TEXT, value);
		CREATE TRIGGER spy AFTER INSERT ON messages BEGIN
			${names.map((name) => `INSERT INTO seen SELECT '${name}', * FROM pragma_${name};`).join("\n")}
		END;
	`);
	await say(store, KEY, "hello");
	expect(
		Object.fromEntries(database.query("SELECT * FROM seen").values()),
	).toEqual({
		busy_timeout: 50,
		journal_mode: "wal",
		synchronous: 1,
		foreign_keys: 1,
		journal_size_limit: 4 * 1024 * 1024,
	});
	database.close();
	await store.close();
});

test("a message and the mark it leaves on its session are saved both or not at all", async () => {
	const store = await open();
	const saved = await say(store, KEY, "kept");
	const before = await store.getSession(KEY);
	const database = new Database(path);
	database.run(
		"CREATE TRIGGER refuse BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'refused'); END",
	);
	for (const key of [KEY, "agent:main:cli:new"])
		await expect(
			store.saveMessage(key, user("lost"), 2_000_000_000_000),
		).rejects.toMatchObject({
			code: "storage_failed",
			message: `The store ${path} failed: refused`,
		});
	expect(await store.getSession(KEY)).toEqual(before as never);
	expect(await store.getSession("agent:main:cli:new")).toBeUndefined();
	database.run("DROP TRIGGER refuse");
	database.close();
	saved.push(...(await say(store, KEY, "and on")));
	expect(await all(store, KEY)).toEqual(saved);
	await store.close();
});

test("metadata is JSON with snake_case keys, and null where there is nothing", async () => {
	const store = await open();
	await say(store, KEY, "hello");
	await store.saveMessage(
		KEY,
		{
			role: "assistant",
			content: "",
			toolCalls: [{ id: "c1", name: "exec", input: { camelCase: 1 } }],
			usage: {
				inputTokens: 1,
				outputTokens: 2,
				cacheReadTokens: 3,
				cacheWriteTokens: 4,
			},
			stopReason: "tool_use",
			model: "m",
			notice: "n",
			trimmed: true,
			replay: { driver: "d", model: "m", content: "secret thoughts" },
		},
		1,
	);
	await store.saveMessage(
		KEY,
		{
			role: "tool",
			content: "done",
			toolCallId: "c1",
			toolName: "exec",
			isError: false,
			attachments: [{ path: "/a", mimeType: "text/plain" }],
		},
		2,
	);
	await store.close();
	const database = new Database(path);
	expect(
		database
			.query<{ role: string; metadata: string | null }, []>(
				"SELECT role, metadata FROM messages ORDER BY id",
			)
			.all()
			.map(({ role, metadata }) => [role, JSON.parse(metadata ?? "null")]),
	).toEqual([
		["user", null],
		[
			"assistant",
			{
				tool_calls: [{ id: "c1", name: "exec", input: { camelCase: 1 } }],
				usage: {
					input_tokens: 1,
					output_tokens: 2,
					cache_read_tokens: 3,
					cache_write_tokens: 4,
				},
				stop_reason: "tool_use",
				model: "m",
				notice: "n",
				trimmed: true,
			},
		],
		[
			"tool",
			{
				tool_call_id: "c1",
				tool_name: "exec",
				is_error: false,
				attachments: [{ path: "/a", mime_type: "text/plain" }],
			},
		],
	]);
	database.close();
});

test("a message with damaged or foreign metadata is still read", async () => {
	const store = await open();
	await say(store, KEY, "mine");
	const database = new Database(path);
	const add = database.query(
		"INSERT INTO messages (session_key, role, content, timestamp, metadata) VALUES (?, ?, ?, 7, ?)",
	);
	add.run(KEY, "assistant", "torn", '{"tool_calls":[{"id"');
	add.run(KEY, "assistant", "a list", "[1,2]");
	add.run(KEY, "assistant", "a number", "7");
	add.run(
		KEY,
		"assistant",
		"wrong types",
		'{"tool_calls":"x","usage":{"input_tokens":5},"stop_reason":"tired","model":1,"trimmed":true}',
	);
	add.run(KEY, "tool", "no call", null);
	add.run(KEY, "system", "foreign", "null");
	database.close();
	const history = await store.getHistory(KEY, 10);
	expect(history.slice(1)).toEqual([
		{ id: 2, timestamp: 7, role: "assistant", content: "torn" },
		{ id: 3, timestamp: 7, role: "assistant", content: "a list" },
		{ id: 4, timestamp: 7, role: "assistant", content: "a number" },
		{
			id: 5,
			timestamp: 7,
			role: "assistant",
			content: "wrong types",
			usage: {
				inputTokens: 5,
				outputTokens: 0,
				cacheReadTokens: 0,
				cacheWriteTokens: 0,
			},
			trimmed: true,
		},
		{
			id: 6,
			timestamp: 7,
			role: "tool",
			content: "no call",
			toolCallId: "",
			toolName: "",
		},
		{ id: 7, timestamp: 7, role: "user", content: "foreign" },
	]);
	await store.close();
});

test("the database and its folder are the user's alone", async () => {
	const store = await open();
	await say(store, KEY, "hello");
	expect(modeOf(join(folder, "state"))).toBe("700");
	for (const end of ["", "-wal", "-shm"])
		expect(modeOf(path + end)).toBe("600");
	await store.close();
});

test("a closed database is one file, whole without its log", async () => {
	const store = await open();
	const saved = await say(store, KEY, "hello");
	await store.close();
	expect(existsSync(`${path}-wal`)).toBe(false);
	const copy = await sqlite.open({ sessions_db: path });
	expect(await all(copy, KEY)).toEqual(saved);
	await copy.close();
});

test("a closed store says so instead of losing a message", async () => {
	const store = await open();
	await store.close();
	await expect(store.saveMessage(KEY, user("late"), 0)).rejects.toMatchObject({
		code: "storage_failed",
	});
});

test("reading the end of a long session sorts nothing", async () => {
	await (await open()).close();
	const database = new Database(path);
	for (const range of ["", "AND id > 5", "AND id < 5"])
		expect(
			database
				.query<{ detail: string }, []>(
					`EXPLAIN QUERY PLAN SELECT * FROM messages WHERE session_key = 'k' ${range} ORDER BY id DESC LIMIT 50`,
				)
				.all()
				.map(({ detail }) => detail),
		).toEqual([
			expect.stringMatching(
				/^SEARCH messages USING INDEX idx_messages_session_id/,
			),
		]);
	database.close();
});

test("what is finished is kept without its text, and forgotten a week later", async () => {
	const store = await open();
	const accept = (runId: string, receivedAt: number) =>
		store.acceptMessage({
			runId,
			dialog: "cli",
			messageId: runId,
			sessionKey: KEY,
			text: "secret",
			receivedAt,
		});
	const hour = 60 * 60 * 1000;
	const week = 7 * 24 * hour;
	for (const run of ["ended", "dropped", "taken", "waiting"])
		await accept(run, 0);
	await store.saveMessage(KEY, user("secret"), 1, ["ended"]);
	await store.saveMessage(KEY, user("secret"), 1, ["taken"]);
	await store.finishMessages(["ended", "dropped"]);
	const database = new Database(path);
	const rows = () =>
		database
			.query("SELECT run_id, body, turn_run, attempts, done_at FROM inbox")
			.values();
	const body = JSON.stringify({ text: "secret" });
	const waiting = [
		["taken", body, "taken", 1, null],
		["waiting", body, null, 0, null],
	];
	const ended = ["ended", "", "ended", 1, 1];
	expect(rows()).toEqual([ended, ["dropped", "", null, 0, 0], ...waiting]);
	await accept("ended", week + 1);
	expect(rows()).toEqual([ended, ...waiting]);
	// It is not looked for what is old with every message.
	await accept("ended", week + 2);
	expect(rows()).toEqual([ended, ...waiting]);
	await accept("ended", week + 1 + hour);
	expect(rows()).toEqual([...waiting, ["ended", body, null, 0, null]]);
	database.close();
	await store.close();
});

test("what is to be sent is found without reading the rest", async () => {
	await (await open()).close();
	const database = new Database(path);
	for (const [query, index] of [
		[
			"SELECT * FROM outbox WHERE dialog = 'd' AND state = 'pending' AND due_at IS NOT NULL ORDER BY rowid",
			"idx_outbox_pending",
		],
		[
			"SELECT * FROM outbox WHERE delivery_id = 'd' ORDER BY part",
			"sqlite_autoindex_outbox_1",
		],
	] as const)
		expect(
			database
				.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${query}`)
				.all()
				.map(({ detail }) => detail),
		).toEqual([expect.stringMatching(new RegExp(`^SEARCH .*${index}`))]);
	database.close();
});

test("messages are finished and their parts saved both or not at all", async () => {
	const store = await open();
	const accepted = { ...waiting("r1"), sessionKey: KEY };
	await store.acceptMessage(accepted);
	await store.saveMessage(KEY, user("hello"), 1, ["r1"]);
	await store.saveParts([part("r1", 0)]);
	const taken = { ...accepted, takenBy: "r1", attempts: 1 };
	const database = new Database(path);
	database.run(
		"CREATE TRIGGER refuse BEFORE INSERT ON outbox WHEN NEW.part = 1 BEGIN SELECT RAISE(ABORT, 'refused'); END",
	);
	const sent = { ...part("r1", 0), state: "sent" as const };
	for (const change of [
		store.finishMessages(["r1"], [sent, part("r1", 1)]),
		store.saveParts([sent, part("r1", 1)]),
	])
		await expect(change).rejects.toMatchObject({
			code: "storage_failed",
			message: `The store ${path} failed: refused`,
		});
	expect(await store.waitingMessages()).toEqual([taken]);
	expect(await store.partsOf("r1")).toEqual([part("r1", 0)]);
	database.run("DROP TRIGGER refuse");
	database.run(
		"CREATE TRIGGER refuse BEFORE UPDATE ON inbox BEGIN SELECT RAISE(ABORT, 'refused'); END",
	);
	await expect(store.finishMessages(["r1"], [sent])).rejects.toMatchObject({
		code: "storage_failed",
	});
	expect(await store.waitingMessages()).toEqual([taken]);
	expect(await store.partsOf("r1")).toEqual([part("r1", 0)]);
	database.run("DROP TRIGGER refuse");
	database.close();
	await store.finishMessages(["r1"], [sent, part("r1", 1)]);
	expect(await store.waitingMessages()).toEqual([]);
	expect(await store.partsOf("r1")).toEqual([sent, part("r1", 1)]);
	await store.close();
});

test("a message and the marks of its runs are saved all or none", async () => {
	const store = await open();
	for (const run of ["r1", "r2"])
		await store.acceptMessage({ ...waiting(run), sessionKey: KEY });
	const database = new Database(path);
	database.run(
		"CREATE TRIGGER refuse BEFORE UPDATE ON inbox WHEN NEW.run_id = 'r2' BEGIN SELECT RAISE(ABORT, 'refused'); END",
	);
	database.close();
	await expect(
		store.saveMessage(KEY, user("hello"), 1, ["r1", "r2"]),
	).rejects.toMatchObject({ code: "storage_failed" });
	expect(await all(store, KEY)).toEqual([]);
	const found = await store.waitingMessages();
	expect(found.map(({ takenBy }) => takenBy)).toEqual([undefined, undefined]);
	await store.close();
});

test("a damaged message or part is left out, and the others are given", async () => {
	const store = await open();
	for (const run of ["r1", "r2"]) {
		await store.acceptMessage({ ...waiting(run), sessionKey: KEY });
		await store.saveParts([part(run, 0)]);
	}
	const database = new Database(path);
	database.run(`UPDATE inbox SET body = '{"text":' WHERE run_id = 'r1'`);
	database.run("UPDATE outbox SET content = '[]' WHERE delivery_id = 'r1'");
	database.close();
	const runs = (await store.waitingMessages()).map(({ runId }) => runId);
	expect(runs).toEqual(["r2"]);
	expect(await store.amendMessage("r1", { text: "new" })).toBe(false);
	expect(await store.pendingParts("telegram")).toEqual([part("r2", 0)]);
	expect(await store.partsOf("r1")).toEqual([]);
	await store.close();
});

test("a message that cannot be saved goes on waiting, and nobody has taken it", async () => {
	const store = await open();
	await store.acceptMessage({
		runId: "r1",
		dialog: "cli",
		sessionKey: KEY,
		text: "hello",
		receivedAt: 1,
	});
	const database = new Database(path);
	database.run(
		"CREATE TRIGGER refuse BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'refused'); END",
	);
	await expect(
		store.saveMessage(KEY, user("hello"), 2, ["r1"]),
	).rejects.toMatchObject({ code: "storage_failed" });
	database.close();
	const [found] = await store.waitingMessages();
	expect(found?.takenBy).toBeUndefined();
	expect(found?.text).toBe("hello");
	await store.close();
});

test("a database of the first version is brought up to date with its messages", async () => {
	makeOld(1, (database) => {
		database.run("INSERT INTO sessions VALUES (?, 'main', 1, 2)", [KEY]);
		database.run("INSERT INTO messages VALUES (7, ?, 'user', 'old', 2, NULL)", [
			KEY,
		]);
	});
	const store = await open();
	const old = { ...user("old"), id: 7, timestamp: 2 };
	expect(await all(store, KEY)).toEqual([old]);
	await store.close();
	const after = new Database(path);
	expect(after.query("PRAGMA user_version").values()).toEqual([[5]]);
	after.close();
});

test("in a database of the third version what was taken is finished, and what waits goes on waiting", async () => {
	makeOld(3, (database) => {
		const add = database.query(
			"INSERT INTO inbox VALUES (?, 'telegram', ?, ?, ?, ?, ?)",
		);
		const body = JSON.stringify({ text: "half \ud83d", model: "fast" });
		add.run("taken", "m1", KEY, "", 1, 5);
		add.run("waits", "m2", KEY, body, 2, null);
		add.run("dropped", "m3", KEY, "", 3, 3);
	});
	const store = await open();
	const waits = {
		...waiting("waits", "m2"),
		sessionKey: KEY,
		text: "half \ud83d",
		model: "fast",
		receivedAt: 2,
	};
	expect(await store.waitingMessages()).toStrictEqual([waits]);
	for (const [id, run] of [
		["m1", "taken"],
		["m3", "dropped"],
	] as const)
		expect(
			await store.acceptMessage({ ...waiting("new", id), receivedAt: 9 }),
		).toBe(run);
	await store.countAttempt("taken");
	await store.saveMessage(KEY, user("hello"), 6, ["waits"]);
	expect(await store.waitingMessages()).toStrictEqual([
		{ ...waits, takenBy: "waits", attempts: 1 },
	]);
	await store.finishMessages(["waits"], [part("waits", 0)]);
	expect(await store.waitingMessages()).toEqual([]);
	expect(await store.pendingParts("telegram")).toEqual([part("waits", 0)]);
	const week = 7 * 24 * 60 * 60 * 1000;
	const repeat = { ...waiting("new", "m1"), receivedAt: 5 + week };
	expect(await store.acceptMessage(repeat)).toBe("taken");
	const later = 6 + week + 60 * 60 * 1000;
	expect(await store.acceptMessage({ ...repeat, receivedAt: later })).toBe(
		"new",
	);
	await store.close();
});

test("a step that another process has taken meanwhile is not taken twice", () => {
	mkdirSync(join(folder, "state"));
	const [here, there] = [
		platform.openDatabase(path),
		platform.openDatabase(path),
	];
	migrate(
		{
			...here,
			transaction: (work) => {
				migrate(there, path, SESSIONS);
				return here.transaction(work);
			},
		},
		path,
		SESSIONS,
	);
	expect(here.prepare("PRAGMA user_version").get()).toEqual({
		user_version: 5,
	});
	here.close();
	there.close();
});

test("a database of a newer Aeon is left alone", async () => {
	await (await open()).close();
	const database = new Database(path);
	database.run("PRAGMA user_version = 99");
	database.close();
	await expect(open()).rejects.toMatchObject({
		code: "conflict",
		message: `${path} was written by a newer Aeon: its schema is 99, and this one knows 5`,
		hint: "Start the newer aeon, or name another file in storage.sessions_db.",
	});
});

test("a file that is no database is named and left as it is", async () => {
	await (await open()).close();
	const garbage = "this is no database ".repeat(500);
	writeFileSync(path, garbage);
	await expect(open()).rejects.toMatchObject({
		code: "storage_failed",
		message: `The store ${path} failed: it is not a SQLite database`,
		cause: { code: "SQLITE_NOTADB" },
	});
	expect(readFileSync(path, "utf8")).toBe(garbage);
});

test("a damaged database is called damaged", async () => {
	const store = await open();
	await say(store, KEY, ..."abcdefgh".split("").map((c) => c.repeat(9000)));
	await store.close();
	const bytes = readFileSync(path);
	bytes.fill(0x7f, 4096);
	writeFileSync(path, bytes);
	await expect(
		open().then((damaged) => all(damaged, KEY)),
	).rejects.toMatchObject({
		code: "storage_failed",
		message: `The store ${path} failed: it is damaged`,
	});
});

test("a folder in the file's place is said to be unopenable", async () => {
	await expect(sqlite.open({ sessions_db: folder })).rejects.toMatchObject({
		code: "storage_failed",
		message: `The store ${folder} failed: it cannot be opened`,
	});
});

test("a lock that another program keeps ends in an error after five seconds, and nobody is held up meanwhile", async () => {
	const store = await open();
	const other = platform.openDatabase(path);
	other.exec("BEGIN IMMEDIATE");
	const began = performance.now();
	let last = began;
	let longestPause = 0;
	const tick = () => {
		longestPause = Math.max(longestPause, performance.now() - last);
		last = performance.now();
	};
	const timer = setInterval(tick, 10);
	const saves = Array.from({ length: 10 }, (_, n) =>
		store.saveMessage(KEY, user(`message ${n}`), 0),
	);
	const ends = await Promise.allSettled(saves);
	tick();
	clearInterval(timer);
	const took = performance.now() - began;
	expect(
		ends.map((end) => end.status === "rejected" && end.reason),
	).toMatchObject(
		saves.map(() => ({
			code: "storage_failed",
			message: `The store ${path} failed: another program keeps it locked`,
			cause: { code: "SQLITE_BUSY" },
		})),
	);
	expect(took).toBeGreaterThan(4_900);
	expect(took).toBeLessThan(9_000);
	expect(longestPause).toBeLessThan(400);
	other.exec("ROLLBACK");
	other.close();
	await say(store, KEY, "later");
	expect(await all(store, KEY)).toHaveLength(1);
	await store.close();
}, 20_000);

test("what waits for a lock is saved once it is gone, in the order given", async () => {
	const store = await open();
	const other = platform.openDatabase(path);
	await say(store, KEY, "before");
	other.exec("BEGIN IMMEDIATE");
	const texts = Array.from({ length: 20 }, (_, n) => `message ${n}`);
	const saves = texts.map((text) => store.saveMessage(KEY, user(text), 0));
	const archive = store.resetSession(KEY, 7);
	// A reader does not wait for a writer.
	expect(await all(store, KEY)).toHaveLength(1);
	await Bun.sleep(300);
	other.exec("ROLLBACK");
	const after = store.saveMessage(KEY, user("after"), 8);
	other.close();
	await Promise.all([...saves, after]);
	const said = async (key: string) =>
		(await all(store, key)).map(({ content }) => content);
	expect(await said(`${await archive}`)).toEqual(["before", ...texts]);
	expect(await said(KEY)).toEqual(["after"]);
	await store.close();
});

test("a save that still waits for a lock is given up where the store is closed", async () => {
	const store = await open();
	const other = platform.openDatabase(path);
	other.exec("BEGIN IMMEDIATE");
	const save = store.saveMessage(KEY, user("hello"), 0);
	const outcome = save.catch((error) => error);
	await Bun.sleep(200);
	const began = performance.now();
	await store.close();
	expect(performance.now() - began).toBeLessThan(500);
	expect(await outcome).toMatchObject({
		message: `The store ${path} failed: another program keeps it locked`,
	});
	other.exec("ROLLBACK");
	other.close();
});

for (const [state, prepare] of [
	["new", ""],
	["old", "PRAGMA journal_mode = WAL; PRAGMA user_version = 1;"],
] as const)
	test(`a database that is ${state} and locked by another process is opened once that is done`, async () => {
		mkdirSync(join(folder, "state"));
		const database = new Database(path);
		database.run(`CREATE TABLE other (x); ${prepare}`);
		if (prepare)
			database.run(
				"CREATE TABLE sessions (session_key PRIMARY KEY, agent_id, created_at, updated_at); CREATE TABLE messages (id INTEGER PRIMARY KEY, session_key, role, content, timestamp, metadata)",
			);
		database.close();
		const script = `
			const database = new (require("bun:sqlite").Database)(${JSON.stringify(path)});
			database.run("BEGIN EXCLUSIVE");
			console.log("locked");
			for await (const _ of process.stdin) break;
			database.run("ROLLBACK");
		`;
		const holder = Bun.spawn([process.execPath, "-e", script], {
			stdin: "pipe",
			stdout: "pipe",
		});
		await holder.stdout.getReader().read();
		const opening = open();
		const timer = setTimeout(() => {
			holder.stdin.write("go\n");
			holder.stdin.flush();
		}, 2_500);
		const store = await opening;
		clearTimeout(timer);
		expect(await store.listSessions()).toEqual([]);
		await holder.exited;
		await store.close();
	});

test("many processes may open a new database at the same moment", async () => {
	const children = Array.from({ length: 4 }, () =>
		Bun.spawn(
			[
				process.execPath,
				join(import.meta.dir, "saver.ts"),
				"sqlite",
				path,
				"0",
			],
			{ stdout: "pipe", stderr: "pipe" },
		),
	);
	const firsts = await Promise.all(
		children.map(async (child) => {
			for await (const chunk of child.stdout) {
				child.kill("SIGKILL");
				return new TextDecoder().decode(chunk).split("\n")[0];
			}
			return new Response(child.stderr).text();
		}),
	);
	expect(firsts).toEqual(["0?", "0?", "0?", "0?"]);
}, 20_000);

test.skipIf(!canMount)(
	"a full disk refuses the message, and saving goes on once there is room (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			const path = join(disk, "sessions.db");
			const ballast = join(disk, "ballast");
			writeFileSync(ballast, "x".repeat(700_000));
			const store = await sqlite.open({ sessions_db: path });
			const saved = await say(store, KEY, "before");
			await expect(
				store.saveMessage(KEY, user("x".repeat(300_000)), 1),
			).rejects.toMatchObject({
				code: "storage_failed",
				message: `The store ${path} failed: the disk is full`,
				hint: "Free some space on that disk; nothing that was saved is lost.",
			});
			unlinkSync(ballast);
			saved.push(...(await say(store, KEY, "after")));
			expect(await all(store, KEY)).toEqual(saved);
			await store.close();
		});
	},
);

test.skipIf(!canMount)(
	"a read-only disk is said to be unwritable (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			const path = join(disk, "sessions.db");
			const store = await sqlite.open({ sessions_db: path });
			await store.close();
			remount(disk, "ro");
			await expect(
				sqlite
					.open({ sessions_db: path })
					.then((opened) => opened.saveMessage(KEY, user("hello"), 0)),
			).rejects.toMatchObject({
				code: "storage_failed",
				message: `The store ${path} failed: it may not be written`,
			});
		});
	},
);

/** A database as an earlier version of the schema left it. */
function makeOld(version: number, fill: (database: Database) => void): void {
	mkdirSync(join(folder, "state"));
	const database = new Database(path);
	for (const step of SESSIONS.steps.slice(0, version)) database.run(step);
	database.run(`PRAGMA user_version = ${version}`);
	fill(database);
	database.close();
}

function open() {
	return sqlite.open({ sessions_db: path });
}

function modeOf(file: string): string {
	return (statSync(file).mode & 0o777).toString(8);
}
