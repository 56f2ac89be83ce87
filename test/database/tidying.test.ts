import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	existsSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	type Connection,
	openConnection,
} from "../../src/database/database.ts";
import { Patience } from "../../src/database/patience.ts";
import { tidyDatabase } from "../../src/database/tidying.ts";

const SCHEMA = {
	steps: ["CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT)"],
	setting: "a setting",
};

let folder: string;
let path: string;
let connection: Connection;

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), "aeon-tidying-"));
	path = join(folder, "notes.db");
	connection = await open();
});

afterEach(async () => {
	await connection.close().catch(() => {});
	rmSync(folder, { recursive: true });
});

test("a new database can give its pages back, and one that is opened again is not written to", async () => {
	expect(pages("auto_vacuum")).toBe(2);
	await connection.close();
	const before = readFileSync(path);
	connection = await open();
	expect(pages("auto_vacuum")).toBe(2);
	expect(statSync(`${path}-wal`).size).toBe(0);
	await connection.close();
	expect(readFileSync(path)).toEqual(before);
});

test("what was deleted is given back, and the rest is as it was", async () => {
	await fill(3_000);
	await remove(1000);
	await tidyDatabase(connection);
	expect(pages("freelist_count")).toBe(0);
	expect(statSync(path).size).toBeLessThan(1100 * 4200);
	expect(statSync(`${path}-wal`).size).toBe(0);
	expect(names()).toEqual(Array.from({ length: 1000 }, (_, n) => `n${n}`));
});

test("where nothing is to be given back nothing is written", async () => {
	await fill(10);
	await tidyDatabase(connection);
	const before = [readFileSync(path), statSync(path).mtimeMs];
	await tidyDatabase(connection);
	expect([readFileSync(path), statSync(path).mtimeMs]).toEqual(before);
	expect(statSync(`${path}-wal`).size).toBe(0);
});

test("nobody waits while much is given back", async () => {
	await fill(3_000);
	await remove(0);
	const free = pages("freelist_count");
	let isDone = false;
	const tidying = tidyDatabase(connection).then(() => {
		isDone = true;
	});
	const left: number[] = [];
	for (let n = 0; n < 3; n++) {
		await connection.write(() => add(`new${n}`, ""));
		left.push(pages("freelist_count"));
		expect(isDone).toBe(false);
	}
	expect(left[2]).toBeGreaterThan(free / 2);
	await tidying;
	expect(pages("freelist_count")).toBe(0);
	expect(names()).toEqual(["new0", "new1", "new2"]);
});

test("a small database of an earlier Aeon is written anew once, with all in the same order", async () => {
	await makeOld();
	await fill(500);
	await remove(100);
	expect(pages("auto_vacuum")).toBe(0);
	const before = names();
	await tidyDatabase(connection);
	expect(pages("auto_vacuum")).toBe(2);
	expect(names()).toEqual(before);
	expect(statSync(path).size).toBeLessThan(110 * 4200);
	const made = statSync(path).mtimeMs;
	await tidyDatabase(connection);
	expect(statSync(path).mtimeMs).toBe(made);
});

test("a large database of an earlier Aeon keeps its pages, and its log goes into the file", async () => {
	await makeOld();
	await fill(4_500);
	await remove(0);
	await tidyDatabase(connection);
	expect(pages("auto_vacuum")).toBe(0);
	expect(statSync(path).size).toBeGreaterThan(16 * 1024 * 1024);
	expect(statSync(`${path}-wal`).size).toBe(0);
});

test("a database that is locked is left for the next day", async () => {
	await connection.close();
	connection = await open(new Patience(100));
	await fill(500);
	await remove(0);
	const free = pages("freelist_count");
	const other = new Database(path);
	other.run("BEGIN IMMEDIATE");
	await expect(tidyDatabase(connection)).rejects.toMatchObject({
		code: "storage_failed",
		message: `The store ${path} failed: another program keeps it locked`,
	});
	other.run("ROLLBACK");
	other.close();
	expect(pages("freelist_count")).toBe(free);
	await tidyDatabase(connection);
	expect(pages("freelist_count")).toBe(0);
});

test("a database that is closed meanwhile is whole", async () => {
	await fill(3_000);
	await remove(10);
	const tidying = tidyDatabase(connection).catch((error) => error);
	await connection.close();
	expect(await tidying).toMatchObject({ code: "storage_failed" });
	expect(existsSync(`${path}-wal`)).toBe(false);
	connection = await open();
	expect(names()).toHaveLength(10);
});

function open(patience = new Patience()): Promise<Connection> {
	return openConnection(path, SCHEMA, patience);
}

/** As one was made before pages could be given back. */
async function makeOld(): Promise<void> {
	await connection.close();
	rmSync(path);
	const database = new Database(path);
	database.run("PRAGMA journal_mode = WAL");
	for (const step of SCHEMA.steps) database.run(step);
	database.run(`PRAGMA user_version = ${SCHEMA.steps.length}`);
	database.close();
	connection = await open();
}

function add(name: string, text: string): void {
	connection.database
		.prepare("INSERT INTO notes VALUES ($name, $text)")
		.run({ name, text });
}

/** So many rows of a page each. */
function fill(count: number): Promise<void> {
	return connection.write(() => {
		for (let n = 0; n < count; n++) add(`n${n}`, "x".repeat(3_900));
	});
}

/** All but the first ones. */
function remove(kept: number): Promise<void> {
	return connection.write(() =>
		connection.database.exec(`DELETE FROM notes WHERE rowid > ${kept}`),
	);
}

function names(): string[] {
	return connection.database
		.prepare<{ name: string }>("SELECT name FROM notes ORDER BY rowid")
		.all()
		.map(({ name }) => name);
}

function pages(pragma: string): number {
	const found = connection.database
		.prepare<{ value: number }>(
			`SELECT ${pragma} AS value FROM pragma_${pragma}`,
		)
		.get();
	return found?.value ?? Number.NaN;
}
