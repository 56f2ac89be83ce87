// What a list shows of the sessions in a folder, read without reading the files whole.

import { fstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { reading } from "./existing.ts";
import { EXTENSION, fileName, suffixOf } from "./file_name.ts";
import { select } from "./query.ts";
import { isSaid, summarise } from "./record.ts";
import {
	type Count,
	countMessages,
	messagesBackward,
	readHeader,
} from "./session_file.ts";
import type { Session, SessionQuery, SessionSummary } from "./store.ts";

type Found = Omit<SessionSummary, "messageCount">;

/** After so many milliseconds of reading everybody else has a turn. */
const SLICE_MS = 10;

/** What is in a file as long as this is what the system says of it. */
interface Known {
	version: string;
	found: Found | undefined;
}

/**
 * The sessions of a folder. What it has counted in a file it does not count again; and as long as one page of a list comes
 * after the other, it reads no file twice that has not changed.
 */
export class Summaries {
	readonly #directory: string;
	/** By file name; a count is good for as long as the name is the same file's. */
	readonly #counts = new Map<string, Count & { inode: number }>();
	/** By file name, while pages of a list are asked for. */
	#known = new Map<string, Known>();

	constructor(directory: string) {
		this.#directory = directory;
	}

	find(key: string): Session | undefined {
		const found = this.#read(fileName(key));
		if (!found) return undefined;
		const { lastText: _, ...session } = found;
		return session;
	}

	async list(query: SessionQuery): Promise<SessionSummary[]> {
		const page = select(await this.#readAll(), query);
		// The first page is all that most want.
		const { before, limit = Number.POSITIVE_INFINITY } = query;
		if (!before || page.length < limit) this.#known = new Map();
		return page.map((summary) => ({
			...summary,
			messageCount: this.#count(fileName(summary.sessionKey)),
		}));
	}

	/** Where the sessions lie. */
	paths(): string[] {
		return this.#names()
			.filter((name) => this.#read(name))
			.map((name) => join(this.#directory, name));
	}

	forget(key: string): void {
		this.#counts.delete(fileName(key));
	}

	/** The files that may be sessions. */
	#names(): string[] {
		return readdirSync(this.#directory).filter((name) =>
			name.endsWith(EXTENSION),
		);
	}

	async #readAll(): Promise<Found[]> {
		const known = this.#known;
		const now = new Map<string, Known>();
		let end = performance.now() + SLICE_MS;
		for (const name of this.#names()) {
			const version = this.#version(name);
			const before = known.get(name);
			const isSame = before?.version === version;
			const found = isSame ? before.found : this.#read(name);
			now.set(name, { version, found });
			if (performance.now() < end) continue;
			await new Promise((resolve) => setImmediate(resolve));
			end = performance.now() + SLICE_MS;
		}
		this.#known = now;
		return [...now.values()].flatMap(({ found }) => found ?? []);
	}

	/** Every line that is added makes another one of it. */
	#version(name: string): string {
		const status = statSync(join(this.#directory, name), {
			throwIfNoEntry: false,
		});
		return `${status?.ino} ${status?.size} ${status?.mtimeMs}`;
	}

	#read(name: string): Found | undefined {
		return reading(join(this.#directory, name), (opened) => {
			const header = readHeader(opened);
			if (!header) return undefined;
			const sessionKey = header.session_key + suffixOf(name);
			// A copy that a person made under another name is not a session.
			if (fileName(sessionKey) !== name) return undefined;
			const { updatedAt = header.created_at, lastText } = readEnd(opened);
			return {
				sessionKey,
				agentId: header.agent_id,
				createdAt: header.created_at,
				updatedAt,
				lastText,
			};
		});
	}

	#count(name: string): number {
		return (
			reading(join(this.#directory, name), (opened) => {
				const { ino: inode, size } = fstatSync(opened);
				const known = this.#counts.get(name);
				const isSame = known?.inode === inode && known.end <= size;
				const next = countMessages(
					opened,
					isSame ? known : { messages: 0, end: 0 },
				);
				this.#counts.set(name, { ...next, inode });
				return next.messages;
			}) ?? 0
		);
	}
}

/** When a session was used last, and the beginning of the last text said in it. */
function readEnd(opened: number): { updatedAt?: number; lastText: string } {
	let updatedAt: number | undefined;
	for (const message of messagesBackward(opened)) {
		updatedAt ??= message.timestamp;
		if (isSaid(message))
			return { updatedAt, lastText: summarise(message.content) };
	}
	return { updatedAt, lastText: "" };
}
