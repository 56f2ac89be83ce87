// Copies of databases: made while another process writes, and looked through before they are trusted.

import {
	chmodSync,
	closeSync,
	existsSync,
	fsyncSync,
	openSync,
	rmSync,
	statSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { AeonError } from "../core/errors.ts";
import { platform, type SqlDatabase } from "../core/platform.ts";
import { COMPANIONS } from "./companions.ts";
import { check } from "./database.ts";
import { codeOf, guarded } from "./failure.ts";
import { checkVersion, migrate, type Schema } from "./migrate.ts";

/** A reader of a database with a WAL waits for nobody but one that opens, closes or repairs it. */
const PRAGMAS = ["busy_timeout = 10000", "cache_size = -2000", "mmap_size = 0"];

/** What of a database is content: without its log it is an older one, or damaged. */
const CONTENT = ["", "-wal", "-journal"];

/** What SQLite says where it has no place for the files that it wants beside a database, even to read it. */
const NO_PLACE = /^SQLITE_(CANTOPEN|FULL|IOERR_SHM|PERM|READONLY)/;

/** What SQLite says of a database that it could open, while it copies. */
const SOURCE_FAILURE =
	/^SQLITE_(BUSY|CORRUPT|NOTADB|IOERR_(READ|SHORT_READ|CORRUPTFS))/;

/** What the system says of the disk that is written. */
const TARGET_FAILURE = /^(ENOSPC|EDQUOT|EROFS|EFBIG)/;

/**
 * Makes a file of all that a database held when this began, by another connection, so that its own goes on writing. The
 * file is its owner's alone and on the disk; there must be none yet. Blocks this process as long as it takes, some seconds
 * a gigabyte. The database's own disk may be full or read-only. Throws `storage_failed`, and then leaves no file.
 */
export async function copyDatabase(
	source: string,
	target: string,
): Promise<void> {
	// Opening it would make one.
	await guarded(source, () => statSync(source));
	// SQLite would make it readable by everybody, and takes an empty one.
	await guarded(target, () => closeSync(openSync(target, "wx", 0o600)));
	const raw = `${target}.raw`;
	try {
		const database = await openSource(source, raw);
		try {
			database.prepare("VACUUM INTO $target").run({ target });
		} finally {
			database.close();
		}
		syncFile(target);
	} catch (error) {
		rmSync(target, { force: true });
		rmSync(`${target}-journal`, { force: true });
		await guarded(SOURCE_FAILURE.test(codeOf(error)) ? source : target, () => {
			throw error;
		});
	} finally {
		for (const end of [...CONTENT, ...COMPANIONS])
			rmSync(raw + end, { force: true });
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

/** A database to be read; where SQLite cannot work beside it, its bytes at another place, `raw`. */
async function openSource(source: string, raw: string): Promise<SqlDatabase> {
	try {
		return openToRead(source);
	} catch (error) {
		if (!NO_PLACE.test(codeOf(error)))
			await guarded(source, () => {
				throw error;
			});
	}
	// Whoever has it open has made those files, and with them it could be read: now nobody has.
	const before = stateOf(source);
	for (const end of CONTENT)
		if (existsSync(source + end))
			await copyFile(source + end, raw + end).catch((error) =>
				guarded(TARGET_FAILURE.test(codeOf(error)) ? raw : source, () => {
					throw error;
				}),
			);
	if (stateOf(source) !== before)
		throw new AeonError(
			"storage_failed",
			`The store ${source} was written while it was copied, and its disk has no place for what SQLite needs to do both`,
			{ hint: "Free some space on that disk, and try again." },
		);
	chmodSync(raw, 0o600);
	return guarded(source, () => openToRead(raw));
}

/** Opens it, and what SQLite needs beside it. */
function openToRead(path: string): SqlDatabase {
	const database = platform.openDatabase(path);
	try {
		for (const pragma of PRAGMAS) database.exec(`PRAGMA ${pragma}`);
		database.prepare("SELECT 1 FROM sqlite_schema").get();
		return database;
	} catch (error) {
		database.close();
		throw error;
	}
}

/** The same as long as nobody writes into a database. */
function stateOf(path: string): string {
	const states = CONTENT.map((end) => {
		const status = statSync(path + end, {
			bigint: true,
			throwIfNoEntry: false,
		});
		return status && [status.ino, status.size, status.mtimeNs].join();
	});
	return states.join(" ");
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
