// Putting a backup in the place of a damaged database.

import {
	chmodSync,
	closeSync,
	existsSync,
	fsyncSync,
	linkSync,
	openSync,
	renameSync,
	rmSync,
} from "node:fs";
import { dirname } from "node:path";
import { AeonError } from "../core/errors.ts";
import { syncFolder } from "../core/sync.ts";
import { COMPANIONS } from "./companions.ts";
import { verifyDatabase } from "./copy.ts";
import { codeOf, guarded } from "./failure.ts";
import type { Schema } from "./migrate.ts";

/** A copy of a database, wherever it lies. */
export interface DatabaseBackup {
	/** Milliseconds since 1970. */
	madeAt: number;
	/** Puts the copy at this path. Throws where it cannot be read whole. */
	extract(target: string): Promise<void>;
}

/** What is known of a damaged database. */
export interface Damaged {
	schema: Schema;
	/** What is in it, as a sentence has it. */
	what?: string;
}

/**
 * Sets a database aside as `<file>.damaged-<timestamp>` with what lies beside it, and puts the first whole one of these
 * backups in its place. Gives what was done as a sentence. A backup is only read; the damaged file is only renamed.
 */
export function recoverDatabase(
	path: string,
	timestamp: number,
	backups: readonly DatabaseBackup[],
	{ schema, what = "conversations" }: Damaged,
): Promise<string> {
	return guarded(path, async () => {
		const copy = `${path}.restoring`;
		// The copy comes first: where the disk is full, nothing has been touched yet.
		const backup = await restoreFirst(backups, copy, schema);
		const aside = freeName(path, timestamp);
		for (const end of COMPANIONS)
			if (existsSync(path + end)) renameSync(path + end, aside + end);
		if (backup) replace(path, aside, copy);
		else if (existsSync(path)) renameSync(path, aside);
		await syncFolder(dirname(path));
		return `The ${what} in ${path} could not be read, so the file was set aside as ${aside}; ${
			backup
				? `they go on from the backup of ${asMinute(backup.madeAt)}.`
				: `there was no ${backups.length > 0 ? "whole " : ""}backup, so they begin anew.`
		}`;
	});
}

/** The first backup that is whole, once a copy of it is on the disk. Throws where a copy cannot be written. */
async function restoreFirst(
	backups: readonly DatabaseBackup[],
	copy: string,
	schema: Schema,
): Promise<DatabaseBackup | undefined> {
	remove(copy);
	for (const backup of backups) {
		try {
			await backup.extract(copy);
			chmodSync(copy, 0o600);
			await verifyDatabase(copy, schema);
			const file = openSync(copy, "r+");
			fsyncSync(file);
			closeSync(file);
			return backup;
		} catch (error) {
			remove(copy);
			const cause = error instanceof AeonError ? error.cause : error;
			if (/^(ENOSPC|EDQUOT|EROFS|SQLITE_FULL)/.test(codeOf(cause))) throw cause;
			// There was room for the copy, and none for the -shm file that it is looked through with.
			if (codeOf(cause).startsWith("SQLITE_IOERR_SHM")) throw error;
		}
	}
	return undefined;
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
	for (const end of ["", ...COMPANIONS])
		rmSync(copy + end, { recursive: true, force: true });
}

/** A time as 2026-11-23 04:00, on the clock of where Aeon runs. */
function asMinute(time: number): string {
	return new Date(time).toLocaleString("sv-SE").slice(0, 16);
}
