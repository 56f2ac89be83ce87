// Copies of databases: made while another process writes, and looked through before they are trusted.

import {
	closeSync,
	existsSync,
	fsyncSync,
	openSync,
	rmSync,
	statSync,
} from "node:fs";
import { AeonError } from "../core/errors.ts";
import { platform, type SqlDatabase } from "../core/platform.ts";
import { check } from "./database.ts";
import { codeOf, guarded } from "./failure.ts";
import { checkVersion, migrate, type Schema } from "./migrate.ts";

/** A reader of a database with a WAL waits for nobody but one that opens, closes or repairs it. */
const PRAGMAS = ["busy_timeout = 10000", "cache_size = -2000", "mmap_size = 0"];

/** What SQLite keeps beside a database. */
const COMPANIONS = ["-wal", "-shm"];

/**
 * Makes a file of all that a database held when this began, by another connection, so that its own goes on writing. The
 * file is its owner's alone and on the disk; there must be none yet. Blocks this process as long as it takes, some seconds
 * a gigabyte. Throws `storage_failed`, and then leaves no file.
 */
export async function copyDatabase(
	source: string,
	target: string,
): Promise<void> {
	// Opening it would make one.
	await guarded(source, () => statSync(source));
	// SQLite would make it readable by everybody, and takes an empty one.
	await guarded(target, () => closeSync(openSync(target, "wx", 0o600)));
	try {
		vacuumInto(source, target);
		syncFile(target);
	} catch (error) {
		rmSync(target, { force: true });
		rmSync(`${target}-journal`, { force: true });
		const isTarget = /^(SQLITE_FULL|SQLITE_IOERR|E)/.test(codeOf(error));
		await guarded(isTarget ? target : source, () => {
			throw error;
		});
	}
}

/**
 * Reads all of a database that nobody has open. Throws `storage_failed` where it is damaged or has not the tables of the
 * schema, and `conflict` where a newer Aeon wrote it.
 */
export function verifyDatabase(path: string, schema: Schema): Promise<void> {
	return guarded(path, () => {
		statSync(path);
		const added = COMPANIONS.map((end) => path + end).filter(
			(file) => !existsSync(file),
		);
		const database = platform.openDatabase(path);
		try {
			for (const pragma of PRAGMAS) database.exec(`PRAGMA ${pragma}`);
			check(database);
			const version = checkVersion(database, path, schema);
			// An empty file is a whole database, too.
			const missing = tablesOf(schema, version).difference(
				tableNames(database),
			);
			if (version > 0 && missing.size === 0) return;
			throw new AeonError(
				"storage_failed",
				`${path} is not a database of Aeon's: ${[...missing].join(", ") || "everything"} is missing in it`,
			);
		} finally {
			database.close();
			for (const file of added) rmSync(file, { force: true });
		}
	});
}

function vacuumInto(source: string, target: string): void {
	const database = platform.openDatabase(source);
	try {
		for (const pragma of PRAGMAS) database.exec(`PRAGMA ${pragma}`);
		database.prepare("VACUUM INTO $target").run({ target });
	} finally {
		database.close();
	}
}

/** SQLite leaves it to the system when the copy goes to the disk. */
function syncFile(path: string): void {
	const file = openSync(path, "r+");
	try {
		fsyncSync(file);
	} finally {
		closeSync(file);
	}
}

/** The tables of a database that has had so many steps: what they make of an empty one. */
function tablesOf({ steps, setting }: Schema, version: number): Set<string> {
	const database = platform.openDatabase(":memory:");
	try {
		migrate(database, "", { steps: steps.slice(0, version), setting });
		return tableNames(database);
	} finally {
		database.close();
	}
}

function tableNames(database: SqlDatabase): Set<string> {
	const tables = database
		.prepare<{ name: string }>(
			"SELECT name FROM sqlite_schema WHERE type = 'table'",
		)
		.all();
	return new Set(tables.map(({ name }) => name));
}
