import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
	closeSync,
	copyFileSync,
	mkdirSync,
	openSync,
	readdirSync,
	statSync,
	utimesSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { dailyName } from "../../src/backup/daily.ts";
import { file } from "../../src/storage/file.ts";
import { openSqlite } from "../../src/storage/sqlite.ts";
import { temporaryHome } from "../support/home.ts";
import { foundOf, patientOf } from "./rig.ts";

const DAY_MS = 24 * 60 * 60_000;
const KEY = "agent:main:cli:test";

/** A home with a store in which something was said. */
async function homeWithStore(config: object = {}) {
	const home = temporaryHome({
		agents: { main: { provider: "demo" } },
		...config,
	});
	const path = join(home.path, ".aeon", "sessions.db");
	const store = await openSqlite(path);
	for (let n = 0; n < 200; n++)
		await store.saveMessage(KEY, { role: "user", content: `Hello ${n}` }, n);
	await store.close();
	return { home, path, [Symbol.dispose]: () => home[Symbol.dispose]() };
}

/** Every file of a folder with its size and its times. */
function listing(folder: string): string[] {
	return readdirSync(folder, { recursive: true, encoding: "utf8" })
		.map((name) => {
			const { size, mtimeMs, mode, uid } = statSync(join(folder, name));
			return [name, size, mtimeMs, mode, uid].join(" ");
		})
		.sort();
}

test("a whole database is well, and looking into it leaves no file behind", async () => {
	using kept = await homeWithStore();
	const before = listing(join(kept.home.path, ".aeon"));
	const [found = ""] = await foundOf("sessions", patientOf(kept.home.path));
	expect(found).toMatch(/^ok: ~\/\.aeon\/sessions\.db: \d+ KB, whole$/);
	expect(listing(join(kept.home.path, ".aeon"))).toEqual(before);
});

test("a damaged database is a problem, with what to do", async () => {
	using kept = await homeWithStore();
	const raw = new Database(kept.path);
	const [page] = raw
		.query("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'")
		.values()[0] as [number];
	raw.close();
	const file = openSync(kept.path, "r+");
	writeSync(file, Buffer.alloc(100, 0xff), 0, 100, (page - 1) * 4096);
	closeSync(file);
	expect(await foundOf("sessions", patientOf(kept.home.path))).toEqual([
		"problem: The store ~/.aeon/sessions.db failed: it is damaged",
	]);
});

test("the database of a newer Aeon, of another program, and no database are told apart", async () => {
	using kept = await homeWithStore();
	const found = () => foundOf("sessions", patientOf(kept.home.path));
	const raw = new Database(kept.path);
	raw.run("PRAGMA user_version = 99");
	expect((await found())[0]).toMatch(
		/^problem: .* was written by a newer Aeon/,
	);
	raw.run("PRAGMA user_version = 0");
	raw.close();
	expect((await found())[0]).toMatch(/^problem: .* is no database of Aeon's$/);
	writeFileSync(kept.path, "These are notes, and no database.".repeat(100));
	expect((await found())[0]).toMatch(/^problem: .* is not a SQLite database$/);
});

test("what a killed server has left is read elsewhere, and stays as it is", async () => {
	using kept = await homeWithStore();
	const writer = new Database(kept.path);
	writer.run("PRAGMA journal_mode = WAL");
	writer.run("PRAGMA wal_autocheckpoint = 0");
	writer.run("DELETE FROM messages WHERE id > 100");
	using left = temporaryHome({ agents: { main: { provider: "demo" } } });
	const state = join(left.path, ".aeon");
	for (const end of ["", "-wal"])
		copyFileSync(`${kept.path}${end}`, join(state, `sessions.db${end}`));
	writer.close();
	const before = listing(state);
	const [found = ""] = await foundOf("sessions", patientOf(left.path));
	expect(found).toMatch(
		/^ok: .* whole with the log that a kill or a power cut has left$/,
	);
	expect(listing(state)).toEqual(before);
});

test("somebody else's database is not opened", async () => {
	using kept = await homeWithStore();
	const uid = (process.getuid?.() ?? 0) + 1;
	expect(await foundOf("sessions", patientOf(kept.home.path, { uid }))).toEqual(
		["warning: ~/.aeon/sessions.db is somebody else's, so it is not opened"],
	);
});

test("a store of files is read through", async () => {
	using home = temporaryHome({
		agents: { main: { provider: "demo" } },
		storage: { driver: "file" },
	});
	const found = () => foundOf("sessions", patientOf(home.path));
	expect(await found()).toEqual(["ok: there are none yet"]);
	const directory = join(home.path, ".aeon", "sessions");
	const store = await file.open({ directory });
	await store.saveMessage(KEY, { role: "user", content: "Hello" }, 1);
	await store.close();
	expect(await found()).toEqual(["ok: ~/.aeon/sessions: whole"]);
	const [name = ""] = readdirSync(directory).filter((one) =>
		one.endsWith(".jsonl"),
	);
	writeFileSync(join(directory, name), "nothing\n");
	expect((await found())[0]).toMatch(/^problem: .* has no header$/);
});

test("the age of the newest backup is told; none for days is a warning", async () => {
	using kept = await homeWithStore();
	const now = Date.now();
	const folder = join(kept.home.path, ".aeon", "backups");
	const found = (time = now) =>
		foundOf("backups", patientOf(kept.home.path, { now: () => time }));
	expect(await found()).toEqual([
		"ok: there is none in ~/.aeon/backups yet: aeon serve makes one a day",
	]);
	expect(await found(now + 3 * DAY_MS)).toEqual([
		"warning: there is none in ~/.aeon/backups",
	]);
	mkdirSync(folder, { mode: 0o700 });
	writeFileSync(join(folder, dailyName(now)), "", { mode: 0o600 });
	expect(await found()).toEqual([
		"ok: 1 in ~/.aeon/backups, the newest of today",
	]);
	const later = now + 30 * DAY_MS;
	utimesSync(kept.path, later / 1000, later / 1000);
	expect(await found(later)).toEqual([
		"warning: 1 in ~/.aeon/backups, the newest 30 days old",
	]);
});

test("where no backups are made that is said", async () => {
	using kept = await homeWithStore({ backups: { keep: 0 } });
	expect(await foundOf("backups", patientOf(kept.home.path))).toEqual([
		"warning: none are made: backups.keep is 0",
	]);
});
