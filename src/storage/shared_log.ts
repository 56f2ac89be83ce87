// A log of JSON lines that several processes may add to at the same time.

import { fstatSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { parseJson } from "../core/json.ts";
import { syncFolder } from "../core/sync.ts";
import { reading } from "./existing.ts";
import { linesForward } from "./lines.ts";
import { replaceLog } from "./log_file.ts";
import { append } from "./session_file.ts";

/** A smaller log is not worth the writing. */
const MIN_COMPACTED_SIZE = 64 * 1024;

/** Whoever makes something of the lines, told one after the other. */
export interface LogReader {
	/** False of a line that is torn or foreign. */
	apply(json: unknown): boolean;
	/** The log is another one: it is told from the beginning. */
	restart(): void;
}

export class SharedLog {
	readonly #path: string;
	readonly #reader: LogReader;
	#inode: number | undefined;
	/** How far it was read. */
	#end = 0;
	#lines = 0;
	#last: Promise<unknown> = Promise.resolve();

	constructor(path: string, reader: LogReader) {
		this.#path = path;
		this.#reader = reader;
	}

	/** Tells what was added since, by whomever. */
	catchUp(): void {
		reading(this.#path, (opened) => {
			const { ino, size } = fstatSync(opened);
			if (ino !== this.#inode || size < this.#end) {
				this.#reader.restart();
				this.#end = 0;
				this.#lines = 0;
			}
			this.#inode = ino;
			for (const line of linesForward(opened, this.#end)) {
				if (!this.#reader.apply(parseJson(line.text))) continue;
				this.#end = line.end;
				this.#lines++;
			}
		});
	}

	/** Adds a line, which is on the disk once this has resolved, and counts whole or not at all. */
	async add(line: object): Promise<void> {
		const adding = this.#append(line);
		this.#last = adding.catch(() => {});
		await adding;
	}

	/** Resolves once the line that was added last is on the disk, or has failed. */
	async settled(): Promise<void> {
		await this.#last;
	}

	/** Puts these lines in the place of all that was told, where that is worth it. */
	async shorten(kept: readonly object[]): Promise<void> {
		if (this.#end < MIN_COMPACTED_SIZE || kept.length * 2 > this.#lines) return;
		replaceLog(this.#path, kept, this.#end);
		await syncFolder(dirname(this.#path));
	}

	/** Once more where the log was replaced by another process meanwhile; a line that is there twice does no harm. */
	async #append(line: object): Promise<void> {
		const { inode, isNew } = await append(this.#path, undefined, line);
		if (isNew) await syncFolder(dirname(this.#path));
		const now = statSync(this.#path, { throwIfNoEntry: false });
		if (now?.ino !== inode) await this.#append(line);
	}
}
