// What is known of an update while it is not over, so that it can be cut off at any moment: read at every start of a server.

import {
	closeSync,
	existsSync,
	fstatSync,
	fsyncSync,
	openSync,
	readFileSync,
	rmSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { asRecord, asText, parseJson } from "../core/json.ts";
import { writeJsonFile } from "../core/json_file.ts";
import { type ProcessLock, platform } from "../core/platform.ts";
import { syncFolder } from "../core/sync.ts";

/** An update that is not over. Versions are as `aeon --version` has them. */
export interface Journal {
	/** The new version is tried, or the old one is to run again. */
	phase: "trying" | "back";
	/** The program that is replaced, and where the old one is kept. */
	binary: string;
	previous: string;
	from: string;
	to: string;
	/** Milliseconds since 1970. */
	startedAt: number;
	/** How often a server of the new version has begun. */
	attempts: number;
	/** Why it goes back. */
	reason?: string;
}

/** What a disk writes whole or not at all, at the least. */
const BLOCK = 4096;

/** Of a reason so many characters are kept, for the journal to stay within a block. */
const MAX_REASON = 600;

/** The lock may be held for a moment by a server that looks whether an update is going on. */
const LOCK_TRIES = 20;
const LOCK_PAUSE_MS = 25;

/** Where an update keeps copies of databases. */
export function updateFolder(state: string): string {
	return join(state, "update");
}

/** True where there is anything of an update in a state directory. */
export function isUpdating(state: string): boolean {
	return existsSync(journalFile(state)) || existsSync(updateFolder(state));
}

/** The update that is not over; undefined where there is none. */
export function readJournal(state: string): Journal | undefined {
	let text: string;
	try {
		text = readFileSync(journalFile(state), "utf8");
	} catch {
		return undefined;
	}
	const found = asRecord(parseJson(text)) ?? {};
	const { phase, binary, previous, startedAt, attempts, reason } = found;
	if (phase !== "trying" && phase !== "back") return undefined;
	return {
		phase,
		binary: asText(binary),
		previous: asText(previous),
		from: asText(found.from),
		to: asText(found.to),
		startedAt: Number(startedAt) || 0,
		attempts: Number(attempts) || 0,
		...(reason !== undefined && { reason: asText(reason) }),
	};
}

/** Puts it on the disk, in the place of what was known before: also where that is full, if something was known. */
export async function writeJournal(
	state: string,
	{ reason, ...rest }: Journal,
): Promise<void> {
	const journal = {
		...rest,
		...(reason !== undefined && { reason: reason.slice(0, MAX_REASON) }),
	};
	try {
		await writeJsonFile(journalFile(state), journal);
		await syncFolder(state);
	} catch (error) {
		if (!overwrite(journalFile(state), journal)) throw error;
	}
}

/** The update is over, and with it goes what it kept. */
export async function endUpdate(state: string): Promise<void> {
	rmSync(journalFile(state), { force: true });
	await syncFolder(state);
	rmSync(updateFolder(state), { recursive: true, force: true });
}

/** The right to update what works on a state directory; undefined where somebody has it. */
export async function lockUpdates(
	state: string,
): Promise<ProcessLock | undefined> {
	for (let tries = 1; ; tries++) {
		const lock = platform.lock(lockFile(state));
		if (lock || tries === LOCK_TRIES) return lock;
		await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
	}
}

/** True while a process updates what works on a state directory. */
export function isUpdaterAlive(state: string): boolean {
	if (!existsSync(lockFile(state))) return false;
	const lock = platform.lock(lockFile(state));
	lock?.release();
	return !lock;
}

/** Within the block that the file has already: by one writing, and never shorter, which JSON allows. */
function overwrite(path: string, journal: Journal): boolean {
	try {
		const file = openSync(path, "r+");
		try {
			const text = Buffer.from(`${JSON.stringify(journal)}\n`);
			const bytes = Buffer.alloc(
				Math.max(fstatSync(file).size, text.length),
				" ",
			);
			if (bytes.length > BLOCK) return false;
			text.copy(bytes);
			if (writeSync(file, bytes, 0, bytes.length, 0) < bytes.length)
				return false;
			fsyncSync(file);
			return true;
		} finally {
			closeSync(file);
		}
	} catch {
		return false;
	}
}

function journalFile(state: string): string {
	return join(state, "update.json");
}

function lockFile(state: string): string {
	return join(state, "update.lock");
}
