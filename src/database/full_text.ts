// Finding texts by their words: an FTS5 index beside a table, whatever language the texts are in (SQLite, "FTS5").

import type {
	SqlDatabase,
	SqlParameters,
	Statement,
} from "../core/platform.ts";
import {
	chooseTerms,
	commonFrom,
	isEnough,
	MAX_COMMON,
	MAX_COMPARED,
	type Term,
	textsOf,
} from "./terms.ts";
import { indexable, wordsOf } from "./words.ts";

/** A text that was found, by the id it was added under. */
export interface Hit {
	id: number;
	/** How much of what was asked stands in it, 0 to 1: rare words count for more. */
	share: number;
}

/** What an index is made on. */
export interface FullTextOptions {
	/** The FTS5 table, made by `createFullText`. */
	table: string;
	/** How many texts are in it, at least roughly. */
	size(): number;
	/** SQL that narrows a search: `AND …`, about `hits.rowid`, and joins before it. Its parameters are given to each search. */
	join?: string;
	where?: string;
}

/** The SQL that makes an index: it keeps no texts, so that each of them is on the disk once. A part of schemas: it stays as it is. */
export function createFullText(table: string): string {
	return `CREATE VIRTUAL TABLE ${table} USING fts5(content, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2')`;
}

/** Words that are common in any index are remembered, up to so many: counting takes long. */
const MAX_REMEMBERED = 500;

/** Of words that are all common so many are looked for together: with more of them few texts are found, and slowly. */
const MAX_TOGETHER = 3;

/** For the share of a hit, so many are looked at for each that is wanted. */
const CANDIDATES = 4;

/** An index of texts by their words. */
export class FullText {
	readonly #options: FullTextOptions;
	readonly #add: Statement;
	readonly #remove: Statement;
	readonly #count: Statement<{ found: number }>;
	readonly #find: Statement<{ id: number }>;
	readonly #findLatest: Statement<{ id: number }>;
	readonly #has: Statement<{ id: number }>;
	readonly #common = new Set<string>();

	constructor(database: SqlDatabase, options: FullTextOptions) {
		const { table, join = "", where = "" } = options;
		this.#options = options;
		this.#add = database.prepare(
			`INSERT INTO ${table} (rowid, content) VALUES ($id, $text)`,
		);
		this.#remove = database.prepare(`DELETE FROM ${table} WHERE rowid = $id`);
		this.#count = database.prepare(
			`SELECT count(*) AS found FROM (SELECT 1 FROM ${table} WHERE ${table} MATCH $match LIMIT $limit)`,
		);
		const find = `SELECT hits.rowid AS id FROM ${table} AS hits ${join}
			WHERE hits.${table} MATCH $match ${where}`;
		this.#find = database.prepare(`${find} ORDER BY hits.rank LIMIT $limit`);
		this.#findLatest = database.prepare(
			`${find} ORDER BY hits.rowid DESC LIMIT $limit`,
		);
		// Without the plus it would be asked for each of the ids by itself.
		this.#has = database.prepare(
			`SELECT rowid AS id FROM ${table} WHERE ${table} MATCH $match
			AND rowid BETWEEN $first AND $last AND +rowid IN (SELECT value FROM json_each($ids))`,
		);
	}

	/** Takes a text in, under an id that is not there. */
	add(id: number, text: string): void {
		this.#add.run({ id, text: indexable(text) });
	}

	remove(id: number): void {
		this.#common.clear();
		this.#remove.run({ id });
	}

	/**
	 * The texts that match best (BM25), the best first. Common words are left out where there are others; with `minShare`
	 * they are always, and a hit must have so much of the rest. Where too many texts match, those with the highest ids are
	 * given, if possible with several of the words.
	 */
	search(
		text: string,
		limit: number,
		parameters: SqlParameters = {},
		minShare = 0,
	): Hit[] {
		const words = wordsOf(text);
		const all = { ...parameters, limit: limit * CANDIDATES };
		const isStrict = minShare > 0;
		let terms = this.#choose(words, isStrict, this.#options.size());
		let found = terms.length > 0 ? this.#findAny(terms, all) : [];
		// A word that is rare may stand only where this search does not look.
		if (found.length === 0 && !isStrict && terms.length < words.length) {
			terms = this.#choose(words, false, Number.MAX_SAFE_INTEGER);
			found = terms.length > 0 ? this.#findAny(terms, all) : [];
		}
		if (found.length === 0) return [];
		const shares = this.#shares(found, terms);
		return found
			.map((id) => ({ id, share: shares.get(id) ?? 0 }))
			.filter(({ share }) => isEnough(share, minShare))
			.slice(0, limit);
	}

	#findAny(terms: readonly Term[], parameters: SqlParameters): number[] {
		const phrases = terms.map(({ phrase }) => phrase);
		const find = (statement: Statement<{ id: number }>, match: string) =>
			statement.all({ ...parameters, match }).map(({ id }) => id);
		const any = phrases.join(" OR ");
		if (textsOf(terms) <= MAX_COMPARED) return find(this.#find, any);
		const together = phrases.slice(0, MAX_TOGETHER).join(" AND ");
		const all = find(this.#findLatest, together);
		return all.length > 0 ? all : find(this.#findLatest, any);
	}

	#choose(words: string[], isStrict: boolean, size: number): Term[] {
		const enough = Math.max(commonFrom(size), MAX_COMPARED) + 1;
		return chooseTerms(
			words.map((phrase) => ({ phrase, count: this.#counted(phrase, enough) })),
			size,
			isStrict,
		);
	}

	/** In how many texts a word stands; where there are many, that there are so many at least. */
	#counted(phrase: string, limit: number): number {
		if (this.#common.has(phrase)) return MAX_COMMON + 1;
		const count = this.#count.get({ match: phrase, limit })?.found ?? 0;
		if (count > MAX_COMMON && this.#common.size < MAX_REMEMBERED)
			this.#common.add(phrase);
		return count;
	}

	#shares(ids: number[], terms: Term[]): Map<number, number> {
		const shares = new Map<number, number>();
		const among = {
			first: Math.min(...ids),
			last: Math.max(...ids),
			ids: JSON.stringify(ids),
		};
		for (const { phrase, weight } of terms)
			for (const { id } of this.#has.all({ ...among, match: phrase }))
				shares.set(id, (shares.get(id) ?? 0) + weight);
		return shares;
	}
}
