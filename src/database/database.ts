// An open SQLite database: how it is opened, checked and closed, and how work is done on it.

import {
	accessSync,
	closeSync,
	constants,
	existsSync,
	mkdirSync,
	openSync,
	statSync,
} from "node:fs";
import { dirname } from "node:path";
import { platform, type SqlDatabase } from "../core/platform.ts";
import { syncContent, syncFolder } from "../core/sync.ts";
import { logOf } from "./companions.ts";
import { guarded } from "./failure.ts";
import { migrate, type Schema } from "./migrate.ts";
import type { Patience } from "./patience.ts";
import { Syncing } from "./syncing.ts";

/** A database of Aeon's own, up to date. Whatever fails is thrown as `storage_failed`. */
export interface Connection {
	readonly database: SqlDatabase;
	readonly path: string;
	/** Waits while the database is locked. */
	read<T>(work: () => T): Promise<T>;
	/** The same in a transaction, after every write that was given before. It is on the disk a second later. */
	write<T>(work: () => T): Promise<T>;
	/** All that was written is on the disk once this has resolved: a power cut loses nothing of it. */
	synced(): Promise<void>;
	/** The same without a transaction, for what SQLite does in none. */
	alone<T>(work: () => T): Promise<T>;
	close(): Promise<void>;
}

// Waiting for a lock in here blocks the event loop, hence the short busy_timeout: the patience is in patience.ts. It comes
// first, for the next one needs a lock.
const PRAGMAS = [
	"busy_timeout = 50",
	"journal_mode = WAL",
	"synchronous = NORMAL",
	"foreign_keys = ON",
	"journal_size_limit = 4194304",
	"cache_size = -2000",
	"mmap_size = 0",
];

/** An SD card reads some 20 MB a second: a larger database is not read whole at every start. */
const MAX_CHECKED_SIZE = 16 * 1024 * 1024;

/** Opens a database, which it makes where it is missing. A small one is checked, and refused where it is damaged. */
export function openConnection(
	path: string,
	schema: Schema,
	patience: Patience,
): Promise<Connection> {
	return guarded(path, async () => {
		createPrivately(path);
		const database = platform.openDatabase(path);
		try {
			await patience.patiently(() => {
				for (const pragma of PRAGMAS) {
					if (pragma.startsWith("journal_mode") && isNew(database))
						database.exec("PRAGMA auto_vacuum = INCREMENTAL");
					database.exec(`PRAGMA ${pragma}`);
				}
				if (statSync(path).size <= MAX_CHECKED_SIZE) check(database);
				migrate(database, path, schema);
			});
		} catch (error) {
			database.close();
			throw error;
		}
		return connect(database, path, patience);
	});
}

/** True before its first page is written: only then does it take `auto_vacuum`, which would write a page ever after. */
function isNew(database: SqlDatabase): boolean {
	const pages = database.prepare<{ page_count: number }>("PRAGMA page_count");
	return pages.get()?.page_count === 0;
}

/**
 * Throws as SQLite does, with `SQLITE_CORRUPT`, where a table is damaged. Reads all of them but indexes of words, which
 * can be made anew and take the longest.
 */
export function check(database: SqlDatabase): void {
	const tables = database.prepare<{ name: string }>(
		"SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'",
	);
	for (const { name } of tables.all()) {
		const found = database
			.prepare<{ quick_check: string }>(`PRAGMA quick_check("${name}")`)
			.get()?.quick_check;
		if (found !== "ok")
			throw Object.assign(new Error(found), { code: "SQLITE_CORRUPT" });
	}
}

/** SQLite would make the file readable by everybody; its -wal and -shm files take over the mode of the file. */
function createPrivately(path: string): void {
	mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
	// An existing file must not be opened here: closing it would drop this process's other locks on it (fcntl(2)).
	if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
	// SQLite would open what it may not write, and fail at the first message or with a worse word.
	for (const needed of [dirname(path), path])
		accessSync(needed, constants.R_OK | constants.W_OK);
}

function connect(
	database: SqlDatabase,
	path: string,
	patience: Patience,
): Connection {
	let isClosed = false;
	const log = logOf(path);
	let isNamed = false;
	const syncing = new Syncing(async () => {
		// There is none where the disk cannot have one; then SQLite syncs by itself.
		if (isClosed || !existsSync(log)) return;
		await syncContent(log);
		if (!isNamed) await syncFolder(dirname(log));
		isNamed = true;
	});
	const close = () => {
		if (isClosed) return;
		isClosed = true;
		syncing.close();
		try {
			database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
		} finally {
			database.close();
		}
	};
	return {
		database,
		path,
		read: (work) => guarded(path, () => patience.patiently(work)),
		write: async (work) => {
			const result = await guarded(path, () =>
				patience.inOrder(() => database.transaction(work)),
			);
			syncing.soon();
			return result;
		},
		synced: () => guarded(path, () => syncing.now()),
		alone: (work) => guarded(path, () => patience.inOrder(work)),
		close: () => {
			patience.end();
			return guarded(path, () => patience.inOrder(close));
		},
	};
}
