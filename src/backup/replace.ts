// Files and folders put in the place of others, which are kept: whenever it is cut off, everything is still there.

import {
	accessSync,
	closeSync,
	constants,
	cpSync,
	existsSync,
	fsyncSync,
	linkSync,
	lstatSync,
	mkdirSync,
	openSync,
	readdirSync,
	renameSync,
	rmSync,
	statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { AeonError } from "../core/errors.ts";
import { isWithin } from "../core/paths.ts";
import { syncFolder } from "../core/sync.ts";
import { isThere, nearest } from "./place.ts";
import { requireRoom, sizeOf } from "./space.ts";

/** What SQLite keeps beside a database; of other files there is no such thing. */
const COMPANIONS = ["-wal", "-shm", "-journal"];

/** A file or folder that takes a place. */
export interface Replacement {
	/** What it is called in a backup, and where what it replaces is kept. */
	name: string;
	/** Where it lies, safe on the disk; where this is missing, the place will be empty. */
	from?: string;
	/** Its place: a whole path without links. */
	to: string;
}

/** Throws `storage_failed` where what is to be replaced cannot be, and `conflict` where one place is in another one. */
export function checkReplacements(
	replacements: readonly Replacement[],
	aside: string,
): void {
	const places = [...replacements.map(({ to }) => to), aside];
	for (const [index, place] of places.entries()) {
		const within = places.find(
			(other, at) => at !== index && isWithin(other, place),
		);
		if (within !== undefined)
			throw new AeonError(
				"conflict",
				`${within} lies in ${place}, so that they cannot both be replaced`,
				{ hint: "Give each a place of its own in aeon.json." },
			);
	}
	const needed = new Map<string, number>();
	const need = (folder: string, bytes: number) =>
		needed.set(folder, (needed.get(folder) ?? 0) + bytes);
	for (const { from, to } of replacements) {
		checkWritable(nearest(dirname(to)));
		// Between two disks it is copied.
		if (from !== undefined && !onOneDisk(from, dirname(to)))
			need(dirname(to), sizeOf(from));
		if (isThere(to) && !onOneDisk(to, aside)) need(aside, sizeOf(to));
	}
	for (const [folder, bytes] of needed) requireRoom(folder, bytes);
}

/**
 * Puts each in its place, and what was there into the folder `aside`, under the same names. Says after each change what was
 * done: nothing is lost where it is stopped there, and doing it all once more finishes it.
 */
export async function* replaceAll(
	replacements: readonly Replacement[],
	aside: string,
): AsyncGenerator<string> {
	for (const { name, from, to } of replacements) {
		const kept = join(aside, name);
		const isReplaced = isThere(to);
		if (!isReplaced && from === undefined) continue;
		makeFolder(dirname(to));
		if (isReplaced) makeFolder(dirname(kept));
		const isFolder = isReplaced && lstatSync(to).isDirectory();
		// There is a file at every moment: an empty place would look as if there had never been one.
		const isKept = isReplaced && !isFolder && link(to, kept);
		if (isKept) yield `${to} kept`;
		// A database that takes the place next must not find the log of this one.
		for (const end of COMPANIONS)
			if (isThere(to + end)) {
				makeFolder(dirname(kept));
				move(to + end, kept + end);
				yield `${to}${end} moved`;
			}
		if (isReplaced && !isKept) {
			move(to, kept);
			yield `${to} moved`;
		}
		if (from !== undefined) move(from, to);
		else if (isKept) rmSync(to);
		yield `${to} ${from === undefined ? "removed" : "placed"}`;
		await syncFolder(dirname(to));
		if (isThere(dirname(kept))) await syncFolder(dirname(kept));
	}
}

/** A second name for a file on the same disk, or a copy on another one; false where neither can be. */
function link(path: string, other: string): boolean {
	try {
		linkSync(path, other);
		return true;
	} catch {
		if (onOneDisk(path, dirname(other))) return false;
		copy(path, other);
		return true;
	}
}

function move(path: string, target: string): void {
	try {
		renameSync(path, target);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
		copy(path, target);
		rmSync(path, { recursive: true });
	}
}

/** To another disk: whole, or not under this name. */
function copy(path: string, target: string): void {
	const growing = `${target}.restoring`;
	rmSync(growing, { recursive: true, force: true });
	cpSync(path, growing, { recursive: true, preserveTimestamps: true });
	syncTree(growing);
	renameSync(growing, target);
}

function syncTree(path: string): void {
	const status = lstatSync(path);
	if (status.isDirectory())
		for (const name of readdirSync(path)) syncTree(join(path, name));
	if (status.isDirectory() || status.isFile()) sync(path);
}

function sync(path: string): void {
	const opened = openSync(path, "r");
	try {
		fsyncSync(opened);
	} finally {
		closeSync(opened);
	}
}

function makeFolder(path: string): void {
	if (existsSync(path)) return;
	mkdirSync(path, { recursive: true, mode: 0o700 });
	sync(dirname(path));
}

function onOneDisk(path: string, other: string): boolean {
	return statSync(nearest(path)).dev === statSync(nearest(other)).dev;
}

function checkWritable(folder: string): void {
	try {
		accessSync(folder, constants.W_OK | constants.X_OK);
	} catch (error) {
		throw new AeonError("storage_failed", `${folder} may not be written`, {
			cause: error,
			hint: "Check who owns it, and whether the disk is mounted read-only.",
		});
	}
}
