// Where the last summary of a session lies in its file: looked for once, and then only in what was added.

import { closeSync, fstatSync } from "node:fs";
import { join } from "node:path";
import { openExisting } from "./existing.ts";
import { fileName } from "./file_name.ts";
import { linesForward, readChunk } from "./lines.ts";
import { messageOf } from "./session_file.ts";
import type { StoredSummary } from "./store.ts";

/** How a summary begins: in a text there is no newline, it is written as `\n`. */
const BEGINNING = Buffer.from('\n{"role":"summary"');
const NEWLINE = 0x0a;

const CHUNK_SIZE = 64 * 1024;

/** What is known of so many files is remembered. */
const MAX_KNOWN = 1_000;

interface Known {
	inode: number;
	/** Up to here everything was looked at. */
	end: number;
	offset: number | undefined;
}

/** The last summaries of the sessions in a folder. */
export class LastSummaries {
	readonly #directory: string;
	/** By file name; good for as long as the name is the same file's. */
	readonly #known = new Map<string, Known>();

	constructor(directory: string) {
		this.#directory = directory;
	}

	/** Lets everybody else go on while it looks through a long file. */
	async find(key: string): Promise<StoredSummary | undefined> {
		const name = fileName(key);
		const opened = openExisting(join(this.#directory, name));
		if (opened === undefined) return undefined;
		try {
			const { ino: inode, size } = fstatSync(opened);
			const known = this.#known.get(name);
			if (known?.inode === inode && known.end <= size) {
				const found = await this.#look(opened, name, known);
				if (found || known.offset === undefined) return found;
			}
			const nothing = { inode, end: 0, offset: undefined };
			return await this.#look(opened, name, nothing);
		} finally {
			closeSync(opened);
		}
	}

	forget(key: string): void {
		this.#known.delete(fileName(key));
	}

	/** Looks at what was added, and else at what is known. */
	async #look(
		opened: number,
		name: string,
		{ inode, end, offset }: Known,
	): Promise<StoredSummary | undefined> {
		const looked = endOfLines(opened, end);
		for await (const place of beginningsBackward(opened, end, looked)) {
			if (!summaryAt(opened, place)) continue;
			offset = place;
			break;
		}
		this.#known.delete(name);
		this.#known.set(name, { inode, end: looked, offset });
		for (const [oldest] of this.#known) {
			if (this.#known.size <= MAX_KNOWN) break;
			this.#known.delete(oldest);
		}
		return offset === undefined ? undefined : summaryAt(opened, offset);
	}
}

/** Where the last whole line ends, not before `from`. */
function endOfLines(opened: number, from: number): number {
	for (let { size: position } = fstatSync(opened); position > from; ) {
		const start = Math.max(from, position - CHUNK_SIZE);
		const newline = readChunk(opened, start, position - start).lastIndexOf(
			NEWLINE,
		);
		if (newline >= 0) return start + newline + 1;
		position = start;
	}
	return from;
}

/** Where summaries may begin between the ends of two lines, the last one first. */
async function* beginningsBackward(
	opened: number,
	from: number,
	end: number,
): AsyncGenerator<number> {
	for (let position = end; position > from; ) {
		const start = Math.max(from, position - CHUNK_SIZE);
		// The newline before it belongs to it, and it may go on in what was read before.
		const before = Math.max(0, start - 1);
		const chunk = readChunk(
			opened,
			before,
			position - before + BEGINNING.length,
		);
		let found = chunk.lastIndexOf(BEGINNING);
		while (found >= 0) {
			if (before + found < position) yield before + found + 1;
			found = found > 0 ? chunk.lastIndexOf(BEGINNING, found - 1) : -1;
		}
		position = start;
		await new Promise((resolve) => setImmediate(resolve));
	}
}

function summaryAt(opened: number, offset: number): StoredSummary | undefined {
	const [line] = linesForward(opened, offset).take(1);
	const message = line?.offset === offset ? messageOf(line) : undefined;
	return message?.role === "summary" ? message : undefined;
}
