// The folder in which a backup grows, beside the file that it becomes: safe while its process lives, cleared away after a killed one.

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type ProcessLock, platform } from "../core/platform.ts";

/** Of a file: `<its name>.<random>.tmp`, and beside that while it is used a lock. */
const UNFINISHED = /^(.+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

/** A folder for what is not finished, its owner's alone. */
export interface Unfinished {
	folder: string;
	/** Removes it with all that is in it. */
	remove(): Promise<void>;
}

/** Makes a folder beside a file, which nobody else removes while this process lives. Throws as the system does. */
export async function openUnfinished(path: string): Promise<Unfinished> {
	const folder = `${path}.${crypto.randomUUID()}.tmp`;
	// Before the folder is there: without its lock it would be one that was left.
	const lock = lockFor(folder);
	const remove = () => {
		lock?.release();
		return removeFolder(folder);
	};
	try {
		mkdirSync(folder, { mode: 0o700 });
	} catch (error) {
		await remove();
		throw error;
	}
	return { folder, remove };
}

/** Removes what backups that were killed have left in a folder; only of files whose names are wanted. */
export async function removeUnfinished(
	folder: string,
	isWanted: (name: string) => boolean,
): Promise<void> {
	if (!existsSync(folder)) return;
	for (const found of readdirSync(folder)) {
		const name = UNFINISHED.exec(found)?.[1];
		if (name === undefined || !isWanted(name)) continue;
		const lock = lockFor(join(folder, found));
		if (!lock) continue;
		lock.release();
		await removeFolder(join(folder, found));
	}
}

/** Undefined where a living process has it, and where nothing can be locked, as on some network drives: there it is used without, and stays. */
function lockFor(folder: string): ProcessLock | undefined {
	try {
		return platform.lock(lockFile(folder));
	} catch {
		return undefined;
	}
}

/** The lock goes first: a folder without one is found again, a lock without its folder is not. */
async function removeFolder(folder: string): Promise<void> {
	await rm(lockFile(folder), { force: true });
	await rm(folder, { recursive: true, force: true });
}

function lockFile(folder: string): string {
	return `${folder}.lock`;
}
