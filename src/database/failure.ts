import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { AeonError, describeError } from "../core/errors.ts";

/** The size of a -shm file: with less room SQLite cannot work. */
const MIN_ROOM = 32_768;

interface Failure {
	/** Codes of SQLite (https://sqlite.org/rescode.html) and of the system; an extended code begins like its primary one. */
	code: RegExp;
	problem: string;
	hint: string;
}

const FAILURES: Failure[] = [
	{
		code: /^(SQLITE_FULL|ENOSPC|EDQUOT)/,
		problem: "the disk is full",
		hint: "Free some space on that disk; nothing that was saved is lost.",
	},
	{
		code: /^(SQLITE_READONLY|SQLITE_PERM|EROFS|EACCES|EPERM)/,
		problem: "it may not be written",
		hint: "Check who owns it and its folder, and whether the disk is mounted read-only.",
	},
	{
		code: /^SQLITE_(BUSY|LOCKED)/,
		problem: "another program keeps it locked",
		hint: "Close whatever has it open, a database browser or a backup, and try again.",
	},
	{
		code: /^SQLITE_NOTADB/,
		problem: "it is not a SQLite database",
		hint: "Correct its path in aeon.json, or move the file aside: Aeon makes a new one.",
	},
	{
		code: /^SQLITE_CORRUPT/,
		problem: "it is damaged",
		hint: "Stop Aeon and put a backup in its place, or rescue what is left: sqlite3 FILE .recover",
	},
	{
		code: /^(SQLITE_CANTOPEN|ENOENT|ENOTDIR|EISDIR|EEXIST|ENAMETOOLONG)/,
		problem: "it cannot be opened",
		hint: "Check that its folder exists and that this user may enter it.",
	},
	{
		code: /^(SQLITE_IOERR|EIO)/,
		problem: "the disk failed",
		hint: "The disk may be worn out: make a backup and look at the system's log.",
	},
];

/** Does the work on a file; whatever it throws leaves as `storage_failed`. The work begins before this returns. */
export async function guarded<T>(
	path: string,
	work: () => T | Promise<T>,
): Promise<T> {
	try {
		return await work();
	} catch (error) {
		throw storageFailure(path, error);
	}
}

/** True of the failure of a database whose bytes are wrong: trying again does not help, `recover` does. */
export function isDamage(error: unknown): boolean {
	const cause = error instanceof AeonError ? error.cause : error;
	return /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(cause));
}

/** What happened to a file as a sentence for a person, told from the error's code. An AeonError stays as it is. */
function storageFailure(path: string, cause: unknown): AeonError {
	if (cause instanceof AeonError) return cause;
	const code = codeOf(cause);
	// SQLite calls it an I/O error when the disk has no room for the -shm file.
	const isFull = code.startsWith("SQLITE_IOERR") && hasNoRoom(path);
	const failure = FAILURES.find((known) =>
		known.code.test(isFull ? "SQLITE_FULL" : code),
	);
	return new AeonError(
		"storage_failed",
		`The store ${path} failed: ${failure?.problem ?? describeError(cause)}`,
		{ hint: failure?.hint, cause },
	);
}

/** The code of an error of SQLite or of the system; empty where it has none. */
export function codeOf(error: unknown): string {
	return error instanceof Error && "code" in error ? String(error.code) : "";
}

function hasNoRoom(path: string): boolean {
	try {
		const { bavail, bsize } = statfsSync(dirname(path));
		return bavail * bsize < MIN_ROOM;
	} catch {
		return false;
	}
}
