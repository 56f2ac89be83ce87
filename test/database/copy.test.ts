import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	existsSync,
	readdirSync,
	readFileSync,
	statSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { copyDatabase, verifyDatabase } from "../../src/database/copy.ts";
import {
	type Connection,
	openConnection,
} from "../../src/database/database.ts";
import { checkUnused } from "../../src/database/in_use.ts";
import type { Schema } from "../../src/database/migrate.ts";
import { Patience } from "../../src/database/patience.ts";
import { canMount, onSmallDisk } from "../storage/small_disk.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";

const SCHEMA: Schema = {
	steps: [
		"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)",
		"CREATE TABLE tags (id INTEGER PRIMARY KEY, note INTEGER)",
	],
	setting: "notes.database",
};

let folder: TemporaryFolder;
let source: string;
let copy: string;
let connection: Connection;
beforeEach(async () => {
	folder = temporaryFolder();
	source = join(folder.path, "notes.db");
	copy = join(folder.path, "copy.db");
	connection = await openConnection(source, SCHEMA, new Patience());
	await note("one");
});
afterEach(async () => {
	await connection.close();
	folder[Symbol.dispose]();
});

function note(text: string) {
	return connection.write(() =>
		connection.database
			.prepare("INSERT INTO notes (text) VALUES ($text)")
			.run({ text }),
	);
}

function notes(path: string) {
	using database = new Database(path, { readonly: true });
	return database.query("SELECT text FROM notes ORDER BY id").values().flat();
}

test("a copy has what was written until then, of a database that goes on being written into", async () => {
	for (const text of ["two", "three"]) await note(text);
	await copyDatabase(source, copy);
	await note("four");
	expect(notes(copy)).toEqual(["one", "two", "three"]);
	expect(statSync(copy).mode & 0o777).toBe(0o600);
	await verifyDatabase(copy, SCHEMA);
	expect(readdirSync(folder.path).sort()).toEqual([
		"copy.db",
		"notes.db",
		"notes.db-shm",
		"notes.db-wal",
	]);
});

test("a copy is whole while another process writes all the time, and holds nobody up", async () => {
	const script = `
		const { Database } = require("bun:sqlite");
		const database = new Database(${JSON.stringify(source)});
		database.run("PRAGMA busy_timeout = 5000");
		const insert = database.query("INSERT INTO notes (text) VALUES (?)");
		for (let n = 1; ; n++) { insert.run(String(n)); if (n % 100 === 0) console.log(n); }`;
	const writer = Bun.spawn([process.execPath, "-e", script], {
		stdout: "pipe",
		stderr: "ignore",
	});
	const lines = writer.stdout.getReader();
	await lines.read();
	for (let time = 1; time <= 5; time++) {
		await copyDatabase(source, `${copy}${time}`);
		await verifyDatabase(`${copy}${time}`, SCHEMA);
		const [, ...written] = notes(`${copy}${time}`);
		expect(written).toEqual(written.map((_, index) => `${index + 1}`));
		expect(written.length).toBeGreaterThanOrEqual(100);
		await lines.read();
	}
	writer.kill("SIGKILL");
	await writer.exited;
});

test("nothing is copied over a file that is there, or of one that is not", async () => {
	writeFileSync(copy, "precious");
	await expect(copyDatabase(source, copy)).rejects.toMatchObject({
		code: "storage_failed",
	});
	expect(readFileSync(copy, "utf8")).toBe("precious");
	const none = join(folder.path, "none.db");
	await expect(copyDatabase(none, `${copy}2`)).rejects.toMatchObject({
		code: "storage_failed",
		message: `The store ${none} failed: it cannot be opened`,
	});
	expect(existsSync(none)).toBe(false);
	expect(existsSync(`${copy}2`)).toBe(false);
});

test("of what is no database there is no copy", async () => {
	const junk = join(folder.path, "junk.db");
	writeFileSync(junk, "junk".repeat(5_000));
	await expect(copyDatabase(junk, copy)).rejects.toMatchObject({
		message: `The store ${junk} failed: it is not a SQLite database`,
	});
	expect(existsSync(copy)).toBe(false);
});

test.skipIf(!canMount)(
	"a copy that finds no room says where, and leaves none of it (needs the right to mount)",
	async () => {
		await note("x".repeat(2_000_000));
		await onSmallDisk(async (disk) => {
			const target = join(disk, "copy.db");
			await expect(copyDatabase(source, target)).rejects.toMatchObject({
				message: `The store ${target} failed: the disk is full`,
			});
			expect(readdirSync(disk)).toEqual([]);
		});
	},
);

test("what is no whole database of this schema is refused, and left as it is", async () => {
	await note("x".repeat(100_000));
	await copyDatabase(source, copy);
	const whole = readFileSync(copy);
	// The page of a table in which there is nothing yet.
	const torn = Buffer.from(whole).fill(0x7f, 8192, 12_288);
	const change = (sql: string) => () => {
		using database = new Database(copy);
		database.run(sql);
	};
	for (const [message, damage] of [
		["it is damaged", () => truncateSync(copy, whole.length - 9_000)],
		["it is damaged", () => truncateSync(copy, 700)],
		["it is damaged", () => writeFileSync(copy, torn)],
		["it is not a SQLite database", () => writeFileSync(copy, "x".repeat(9e3))],
		["everything is missing in it", () => writeFileSync(copy, "")],
		["tags is missing in it", change("DROP TABLE tags")],
		[
			"was written by a newer Aeon: its schema is 3, and this one knows 2",
			change("PRAGMA user_version = 3"),
		],
	] as const) {
		writeFileSync(copy, whole);
		damage();
		const bytes = readFileSync(copy);
		await expect(verifyDatabase(copy, SCHEMA)).rejects.toThrow(message);
		expect(readFileSync(copy)).toEqual(bytes);
	}
	await expect(
		verifyDatabase(join(folder.path, "none.db"), SCHEMA),
	).rejects.toThrow("it cannot be opened");
	expect(readdirSync(folder.path)).not.toContain("none.db");
});

test("a copy by an older Aeon, which has had fewer steps, is whole", async () => {
	await copyDatabase(source, copy);
	const later = {
		...SCHEMA,
		steps: [...SCHEMA.steps, "CREATE TABLE more (a)"],
	};
	await verifyDatabase(copy, later);
});

test("a database that another process has open is in use, idle or not, and one that nobody has is not", async () => {
	const look = () => {
		const script = `
			const { checkUnused } = await import(${JSON.stringify(join(import.meta.dir, "../../src/database/in_use.ts"))});
			try { checkUnused(${JSON.stringify(source)}); console.log("unused"); }
			catch (error) { console.log(error.code, error.message); }`;
		const { stdout } = Bun.spawnSync([process.execPath, "-e", script]);
		return stdout.toString().trim();
	};
	expect(look()).toBe(`conflict another program has ${source} open`);
	await connection.close();
	expect(look()).toBe("unused");
	expect(notes(source)).toEqual(["one"]);
	writeFileSync(copy, "junk");
	checkUnused(copy);
	checkUnused(join(folder.path, "none.db"));
	expect(existsSync(join(folder.path, "none.db"))).toBe(false);
});
