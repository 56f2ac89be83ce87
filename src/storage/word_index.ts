// The table `message_words`: the words of what was said, taken in only when somebody searches, for it costs much writing.

import { AeonError } from "../core/errors.ts";
import { pause } from "../core/pause.ts";
import type { SqlParameters } from "../core/platform.ts";
import type { Connection } from "../database/database.ts";
import { isDamage } from "../database/failure.ts";
import { createFullText, FullText, type Hit } from "../database/full_text.ts";

/** One transaction takes so many messages, or so many characters of them: some 20 ms of a slow processor. */
const BATCH = 200;
const MAX_BATCH_LENGTH = 64_000;

/** So many pages of the index are merged after each: SQLite itself would do it seldom, and for ten times as long. */
const MERGED_PAGES = 80;

/** A tidying merges so often, with so many milliseconds in between. */
const MAX_SLICES = 2_000;
const PAUSE_MS = 50;

/** The SQL that makes an empty index. A part of the schema: it stays as it is. */
export const CREATE_WORD_INDEX = `${createFullText("message_words")};
INSERT INTO message_words (message_words, rank) VALUES ('automerge', 0), ('usermerge', 8)`;

/** One search takes messages in for so long; the next one goes on. */
const MAX_CATCHING_UP_MS = 2_000;

/** Of a message so many characters are looked at. */
const MAX_TEXT = 20_000;

/**
 * SQL for the text of a message: of a long one the beginning, as bytes, since SQLite's text functions stop at a NUL and
 * read all of it.
 */
export const BEGINNING = `CASE WHEN octet_length(content) <= ${MAX_TEXT} THEN content ELSE substr(CAST(content AS BLOB), 1, ${MAX_TEXT * 3}) END`;

/** What `BEGINNING` gives. */
export type Beginning = string | Uint8Array;

/** Sessions, and the ids between which their messages lie. */
export interface Range extends SqlParameters {
	/** JSON of the keys in hexadecimal: JSON alone would have SQLite cut a key at a NUL. */
	keys: string;
	first: number;
	last: number;
}

interface NextRow {
	id: number;
	/** Null of what is not looked through. */
	text: Beginning | null;
}

const FIND_NEXT = `
	SELECT id, CASE WHEN role IN ('user', 'assistant') AND content <> '' THEN ${BEGINNING} END AS text
	FROM messages WHERE id > $through ORDER BY id LIMIT 1`;

const IN_RANGE = `AND hits.rowid BETWEEN $first AND $last AND messages.session_key IN
	(SELECT CAST(unhex(value) AS TEXT) FROM json_each($keys))`;

/** An index over all messages up to one, which it remembers. */
export class WordIndex {
	readonly #connection: Connection;
	readonly #patienceMs: number;
	#parts: ReturnType<typeof prepare> | undefined;
	/** How many messages are in it at most. */
	#size = 0;
	#renewing: Promise<void> | undefined;
	#isBroken = false;

	/** `patienceMs` is for how long a search takes in what is missing: a batch at least. */
	constructor(connection: Connection, patienceMs = MAX_CATCHING_UP_MS) {
		this.#connection = connection;
		this.#patienceMs = patienceMs;
	}

	/** The messages of a range that match best, as far as they are in the index. */
	search(text: string, limit: number, range: Range, minShare?: number): Hit[] {
		return this.#usable().words.search(text, limit, range, minShare);
	}

	/** Takes in what is missing up to a message, as far as there is time. */
	async catchUp(target: number): Promise<void> {
		const end = performance.now() + this.#patienceMs;
		let through = await this.#connection.read(() => this.#readThrough());
		while (through < target) {
			const reached = await this.#takeBatch();
			if (reached <= through || performance.now() >= end) break;
			through = reached;
			await new Promise((resolve) => setImmediate(resolve));
		}
	}

	/** Forgets the messages of a session; to be called in the transaction that removes them. */
	forget(key: string): void {
		if (this.#isBroken) return;
		const through = this.#readThrough();
		if (through > 0) this.#usable().forget.run({ key, through });
	}

	/** Takes what was forgotten out of the pages that it still stands in, a little at a time. */
	tidy(): Promise<void> {
		return this.mending(async () => {
			for (let slice = 0; slice < MAX_SLICES; slice++) {
				if (await this.#connection.write(() => this.#isTidy())) break;
				await pause(PAUSE_MS);
			}
		});
	}

	/** Does work that uses the index, and once more with an empty one where it was damaged. */
	async mending<T>(work: () => Promise<T>): Promise<T> {
		try {
			return await work();
		} catch (error) {
			if (!isOfIndex(error)) throw error;
		}
		this.#renewing ??= this.#renew().finally(() => {
			this.#renewing = undefined;
		});
		await this.#renewing;
		return work();
	}

	/** Makes the index anew, and empty. Where not even that can be done, it is not used any more. */
	async #renew(): Promise<void> {
		const { database, write } = this.#connection;
		this.#parts = undefined;
		try {
			await write(() => {
				database.exec("DROP TABLE IF EXISTS message_words");
				database.exec(CREATE_WORD_INDEX);
				database.exec("UPDATE search_state SET indexed_through = 0");
			});
		} catch (error) {
			if (!isOfIndex(error)) throw error;
			this.#isBroken = true;
		}
	}

	/** Takes the next messages in; gives the last one that is in the index then. */
	#takeBatch(): Promise<number> {
		return this.#connection.write(() => {
			const { words, next, merge, mark } = this.#usable();
			const before = this.#readThrough();
			let through = before;
			for (let [taken, length] = [0, 0]; taken < BATCH; taken++) {
				const row = next.get({ through });
				if (!row) break;
				const text = row.text === null ? "" : beginningOf(row.text);
				if (text) words.add(row.id, text);
				through = row.id;
				length += text.length;
				if (length >= MAX_BATCH_LENGTH) break;
			}
			if (through === before) return through;
			merge.run();
			mark.run({ through });
			return through;
		});
	}

	/** Merges a few pages; true where there was nothing to merge. */
	#isTidy(): boolean {
		if (this.#isBroken || this.#readThrough() === 0) return true;
		const { merge, changes } = this.#usable();
		const count = () => changes.get()?.count ?? 0;
		const before = count();
		merge.run();
		// FTS5's own way of telling: the command itself is a change.
		return count() - before < 2;
	}

	/** The last message that is in the index; another process may have taken some in. */
	#readThrough(): number {
		this.#size = this.#usable().state.get()?.indexed_through ?? 0;
		return this.#size;
	}

	#usable() {
		// Not as damage: that would have the whole database put out of the way.
		if (this.#isBroken)
			throw new AeonError(
				"storage_failed",
				`The store ${this.#connection.path} cannot be searched: a part of it is damaged`,
				{
					hint: "Stop Aeon and rescue what is in it: sqlite3 FILE .recover",
				},
			);
		this.#parts ??= prepare(this.#connection, () => this.#size);
		return this.#parts;
	}
}

/** Whether an error may come from the index being damaged; SQLite has no code for one that it cannot even open. */
export function isOfIndex(error: unknown): boolean {
	const cause = error instanceof AeonError ? error.cause : error;
	return (
		isDamage(error) ||
		(cause instanceof Error && /message_words|fts5/.test(cause.message))
	);
}

/** The text that is looked at. */
export function beginningOf(text: Beginning): string {
	const read = typeof text === "string" ? text : new TextDecoder().decode(text);
	return read.slice(0, MAX_TEXT);
}

function prepare({ database }: Connection, size: () => number) {
	return {
		words: new FullText(database, {
			table: "message_words",
			size,
			join: "JOIN messages ON messages.id = hits.rowid",
			where: IN_RANGE,
		}),
		state: database.prepare<{ indexed_through: number }>(
			"SELECT indexed_through FROM search_state",
		),
		mark: database.prepare(
			"UPDATE search_state SET indexed_through = $through",
		),
		merge: database.prepare(
			`INSERT INTO message_words (message_words, rank) VALUES ('merge', ${MERGED_PAGES})`,
		),
		changes: database.prepare<{ count: number }>(
			"SELECT total_changes() AS count",
		),
		next: database.prepare<NextRow>(FIND_NEXT),
		forget: database.prepare(
			`DELETE FROM message_words WHERE rowid IN
			(SELECT id FROM messages WHERE session_key = $key AND id <= $through)`,
		),
	};
}
