// Putting a backup in the place of a damaged database.

import {
	chmodSync,
	closeSync,
	copyFileSync,
	existsSync,
	fsyncSync,
	linkSync,
	openSync,
	readdirSync,
	renameSync,
	rmSync,
	statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { platform } from "../core/platform.ts";
import { check } from "./database.ts";
import { codeOf, guarded } from "./failure.ts";
import { syncFolder } from "./session_file.ts";

/** What SQLite keeps beside a database. */
const COMPANIONS = ["-wal", "-shm"];

/** The folder beside the database that its backups lie in, files whose names end in `.db`. */
const BACKUPS = "backups";

interface Backup {
	path: string;
	/** Milliseconds since 1970. */
	madeAt: number;
}

/**
 * Sets a database aside as `<file>.damaged-<timestamp>` with what lies beside it, and puts the newest whole backup in its
 * place. Gives what was done as a sentence. A backup is only read; the damaged file is only renamed.
 */
export function recoverDatabase(
	path: string,
	timestamp: number,
): Promise<string> {
	return guarded(path, async () => {
		const copy = `${path}.restoring`;
		// The copy comes first: where the disk is full, nothing has been touched yet.
		const backup = listBackups(path).find((found) => restore(found.path, copy));
		const aside = freeName(path, timestamp);
		for (const end of COMPANIONS)
			if (existsSync(path + end)) renameSync(path + end, aside + end);
		if (backup) replace(path, aside, copy);
		else if (existsSync(path)) renameSync(path, aside);
		await syncFolder(dirname(path));
		return `The conversations in ${path} could not be read, so the file was set aside as ${aside}; ${
			backup
				? `they go on from the backup of ${asMinute(backup.madeAt)}.`
				: "there was no backup, so they begin anew."
		}`;
	});
}

/** The newest first. */
function listBackups(path: string): Backup[] {
	const folder = join(dirname(path), BACKUPS);
	if (!existsSync(folder)) return [];
	return readdirSync(folder)
		.filter((name) => name.endsWith(".db"))
		.map((name) => join(folder, name))
		.map((backup) => ({ path: backup, madeAt: statSync(backup).mtimeMs }))
		.sort((a, b) => b.madeAt - a.madeAt);
}

/** Copies a backup, safe on the disk. False where it is not whole; throws where the copy cannot be written. */
function restore(backup: string, copy: string): boolean {
	try {
		remove(copy);
		// Made first, so that nobody else can read it while it grows.
		closeSync(openSync(copy, "w", 0o600));
		copyFileSync(backup, copy);
		// Copying gives it the backup's mode.
		chmodSync(copy, 0o600);
		checkBackup(copy);
		const file = openSync(copy, "r+");
		fsyncSync(file);
		closeSync(file);
		return true;
	} catch (error) {
		remove(copy);
		if (/^(ENOSPC|EDQUOT|EROFS|SQLITE_FULL)/.test(codeOf(error))) throw error;
		return false;
	}
}

/** Throws where it is damaged, or has none of Aeon's tables: an empty file is a whole database, too. */
function checkBackup(path: string): void {
	const database = platform.openDatabase(path);
	try {
		check(database);
		database.prepare("SELECT count(*) FROM messages").get();
	} finally {
		database.close();
		for (const end of COMPANIONS) rmSync(path + end, { force: true });
	}
}

/** There is a database at every moment: a kill in between must not leave an empty one that seems to be well. */
function replace(path: string, aside: string, copy: string): void {
	try {
		linkSync(path, aside);
	} catch {
		// A file system without links, as on a USB stick, or no file at all.
		if (existsSync(path)) renameSync(path, aside);
	}
	renameSync(copy, path);
}

function freeName(path: string, timestamp: number): string {
	const name = `${path}.damaged-${timestamp}`;
	return existsSync(name) ? freeName(path, timestamp + 1) : name;
}

function remove(copy: string): void {
	for (const end of ["", ...COMPANIONS]) rmSync(copy + end, { force: true });
}

/** A time as 2026-11-23 04:00, on the clock of where Aeon runs. */
function asMinute(time: number): string {
	return new Date(time).toLocaleString("sv-SE").slice(0, 16);
}
