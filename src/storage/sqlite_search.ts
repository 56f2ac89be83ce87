import type { Passage } from "../core/memory.ts";
import type { Connection } from "../database/database.ts";
import { excerpt } from "../database/excerpt.ts";
import { WordFinder } from "../database/word_finder.ts";
import { isArchiveOf } from "./query.ts";
import type { MessageQuery, SessionStore } from "./store.ts";
import {
	BEGINNING,
	type Beginning,
	beginningOf,
	isOfIndex,
	type Range,
	type WordIndex,
} from "./word_index.ts";

interface PassageRow {
	id: number;
	session_key: string;
	role: string;
	timestamp: number;
	text: Beginning;
}

// An index's minimum and maximum are found at once, but each by a question of its own.
const FIND_ENDS = `
	SELECT (SELECT min(id) FROM messages WHERE session_key = $key) AS first,
		(SELECT max(id) FROM messages WHERE session_key = $key AND id < $before) AS last`;

/** Finds what was said by its words. The index is brought as far as a search needs it, and served as far as it is. */
export function createSearch(
	{ database, read }: Connection,
	index: WordIndex,
): SessionStore["searchMessages"] {
	const findKeys = database.prepare<{ session_key: string }>(
		`SELECT session_key FROM sessions
		WHERE session_key = $key OR (session_key > $key || '#' AND session_key < $key || '$')`,
	);
	const findEnds = database.prepare<{
		first: number | null;
		last: number | null;
	}>(FIND_ENDS);
	const findMessage = database.prepare<PassageRow>(
		`SELECT id, session_key, role, timestamp, ${BEGINNING} AS text FROM messages WHERE id = $id`,
	);

	/** The sessions that are looked through. */
	const keysOf = ({ sessionKeys, before }: MessageQuery) => {
		const keys = sessionKeys.flatMap((key) =>
			findKeys
				.all({ key })
				.map(({ session_key }) => session_key)
				.filter((found) => found === key || isArchiveOf(found, key)),
		);
		return new Set(
			before ? keys.filter((key) => key === before.sessionKey) : keys,
		);
	};

	/** Undefined where nothing was said in them. */
	const rangeOf = (keys: Set<string>, before: number): Range | undefined => {
		const ends = [...keys].flatMap((key) => {
			const { first, last } = findEnds.get({ key, before }) ?? {};
			return first != null && last != null ? [{ first, last }] : [];
		});
		if (ends.length === 0) return undefined;
		return {
			keys: JSON.stringify(
				[...keys].map((key) => Buffer.from(key).toString("hex")),
			),
			first: Math.min(...ends.map(({ first }) => first)),
			last: Math.max(...ends.map(({ last }) => last)),
		};
	};

	const search = async (query: MessageQuery): Promise<Passage[]> => {
		const { text, limit, before, minShare } = query;
		const finder = new WordFinder(text);
		if (finder.phrases.length === 0 || limit < 1) return [];
		const keys = await read(() => keysOf(query));
		const range = await read(() =>
			rangeOf(keys, before?.id ?? Number.MAX_SAFE_INTEGER),
		);
		if (!range) return [];
		await index.catchUp(range.last).catch((error) => {
			// A disk that is full or locked can still be searched for what is in the index.
			if (isOfIndex(error)) throw error;
		});
		return read(() =>
			index.search(text, limit, range, minShare).flatMap(({ id }) => {
				const row = findMessage.get({ id });
				return row && keys.has(row.session_key) ? asPassage(row, finder) : [];
			}),
		);
	};

	return (query) => index.mending(() => search(query));
}

/** None of what nobody has said: it is not in the index. */
function asPassage(row: PassageRow, finder: WordFinder): Passage[] {
	const { id, session_key: sessionKey, role, timestamp } = row;
	if (role !== "user" && role !== "assistant") return [];
	const text = excerpt(beginningOf(row.text), finder);
	return [{ sessionKey, id, role, text, timestamp }];
}
