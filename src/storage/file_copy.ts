// A copy of a folder of sessions, made while other processes write into it.

import { mkdirSync, renameSync, rmSync } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatArchiveKey } from "../core/session.ts";
import { syncFolder } from "../core/sync.ts";
import { codeOf, guarded } from "../database/failure.ts";
import { copyLines } from "./copied_lines.ts";
import { EXTENSION, fileName, suffixOf } from "./file_name.ts";
import { INBOX_LOG } from "./inbox_file.ts";
import { readHeader } from "./session_file.ts";

/** The folder is gone through twice, and again as long as there is something new in it or something has gone. */
const MIN_PASSES = 2;
const MAX_PASSES = 10;

/** A session's file as it was found. */
interface Found {
	name: string;
	/** The file, whatever it is called: an inode is given away again, but not to a file with the same beginning. */
	id: string;
	key: string;
}

/** What was copied of it. */
interface Copy extends Found {
	/** Up to where. */
	end: number;
	/** It was not found the last time. */
	isMissing: boolean;
}

/**
 * Copies every file of a folder of sessions up to its last whole line; what is neither a session nor the log is left out.
 * There must be nothing at `target` yet, and where this throws `storage_failed` there is nothing either.
 *
 * The log of what was accepted comes before the sessions: a message leaves that log only after it is in its session, so
 * that it is in one of the two copies at least, and its line in the session tells which runs it was accepted for.
 *
 * A reset renames a session's file, once, and begins another one. Between the listing and the copying, or while the folder
 * is listed, a file can be missed so. Hence a copy belongs to a file and not to its name, and is never written over by
 * another file; and the folder is gone through again, log first, for a name that was given before a listing begins is not
 * missed by it. Then the copies follow their files to their new names, and get what was added meanwhile.
 */
export function copyFolder(directory: string, target: string): Promise<void> {
	return guarded(target, async () => {
		mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
		mkdirSync(target, { mode: 0o700 });
		try {
			await using copying = new Copying(directory, target);
			for (let pass = 1; pass <= MAX_PASSES; pass++) {
				const isComplete = await copying.pass();
				if (isComplete && pass >= MIN_PASSES) break;
			}
			await copying.sync();
			await syncFolder(dirname(target));
		} catch (error) {
			rmSync(target, { recursive: true, force: true });
			throw error;
		}
	});
}

class Copying implements AsyncDisposable {
	readonly #directory: string;
	readonly #target: string;
	/** Kept open, so that its inode is not given to another one. */
	#log: { file: FileHandle; inode: number; end: number } | undefined;
	/** By the ids of the files, and by the names of the copies. */
	readonly #copies = new Map<string, Copy>();
	readonly #names = new Map<string, Copy>();

	constructor(directory: string, target: string) {
		this.#directory = directory;
		this.#target = target;
	}

	/** Copies what is new. True where every file is where it was the last time, and has its copy. */
	async pass(): Promise<boolean> {
		await this.#copyLog();
		const listed = await this.#list();
		const found = new Map(listed.map((file) => [file.id, file]));
		const names = new Set(listed.map(({ name }) => name));
		let isComplete = listed.every(({ id }) => this.#copies.has(id));
		for (const copy of this.#copies.values()) {
			const file = found.get(copy.id);
			if (file) this.#rename(copy, file);
			else if (!copy.isMissing) isComplete = false;
			// Missed twice it was deleted. Its copy stays; where another one has the name now, as a reset would have left it.
			else if (names.has(copy.name)) this.#setAside(copy);
			copy.isMissing = !file;
		}
		for (const { name, id } of listed)
			if ((await this.#copySession(name)) !== id) isComplete = false;
		return isComplete;
	}

	/** All that was copied is on the disk. */
	async sync(): Promise<void> {
		for (const name of await namesIn(this.#target)) {
			await using copy = await open(this.#pathOf(name), "r+");
			await copy.sync();
		}
		await syncFolder(this.#target);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#log?.file.close();
	}

	/** Anew where it was replaced by a shorter one. */
	async #copyLog(): Promise<void> {
		const path = this.#pathOf(INBOX_LOG);
		const file = await this.#open(INBOX_LOG);
		if (!file) return;
		const inode = (await file.stat()).ino;
		if (this.#log?.inode === inode) {
			await file.close();
			this.#log.end = await copyLines(this.#log.file, path, this.#log.end);
			return;
		}
		await this.#log?.file.close();
		this.#log = { file, inode, end: 0 };
		const next = `${path}.next`;
		this.#log.end = await copyLines(file, next, 0);
		if (this.#log.end > 0) renameSync(next, path);
	}

	/** The session files that there are, by the rule of the store itself: a header, and the name that belongs to it. */
	async #list(): Promise<Found[]> {
		const found: Found[] = [];
		for (const name of await namesIn(this.#directory)) {
			if (!name.endsWith(EXTENSION)) continue;
			await using file = await this.#open(name);
			const session = file && (await identify(file, name));
			if (session) found.push(session);
		}
		return found;
	}

	/** Gives the id of the file, which need not be the one any more that was listed. */
	async #copySession(name: string): Promise<string | undefined> {
		await using file = await this.#open(name);
		const session = file && (await identify(file, name));
		if (!file || !session) return undefined;
		const known = this.#names.get(name);
		const isOther = known
			? known.id !== session.id
			: this.#copies.has(session.id);
		if (isOther) return undefined;
		const end = await copyLines(file, this.#pathOf(name), known?.end ?? 0);
		if (end === 0) return undefined;
		const copy = { ...session, end, isMissing: false };
		this.#copies.set(session.id, copy);
		this.#names.set(name, copy);
		return session.id;
	}

	#rename(copy: Copy, to: Pick<Found, "name" | "key">): void {
		if (copy.name === to.name || this.#names.has(to.name)) return;
		renameSync(this.#pathOf(copy.name), this.#pathOf(to.name));
		this.#names.delete(copy.name);
		this.#names.set(to.name, Object.assign(copy, to));
	}

	#setAside(copy: Copy): void {
		const key = formatArchiveKey(copy.key, Date.now());
		this.#rename(copy, { name: fileName(key), key });
	}

	#pathOf(name: string): string {
		return join(this.#target, name);
	}

	/** Undefined where it is gone. */
	async #open(name: string): Promise<FileHandle | undefined> {
		try {
			return await open(join(this.#directory, name), "r");
		} catch (error) {
			if (codeOf(error) === "ENOENT") return undefined;
			throw error;
		}
	}
}

/** Undefined where it is no session's file, or is still without its header. */
async function identify(
	file: FileHandle,
	name: string,
): Promise<Found | undefined> {
	const header = readHeader(file.fd);
	if (!header) return undefined;
	const { session_key, created_at } = header;
	const key = session_key + suffixOf(name);
	if (fileName(key) !== name) return undefined;
	const { ino } = await file.stat();
	return { name, key, id: JSON.stringify([ino, session_key, created_at]) };
}

/** The names in a folder; none where there is no folder. */
async function namesIn(directory: string): Promise<string[]> {
	try {
		return await readdir(directory);
	} catch (error) {
		if (codeOf(error) === "ENOENT") return [];
		throw error;
	}
}
