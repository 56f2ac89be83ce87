// Texts and questions as an index of words takes them, whatever language they are in.

import { isStopWord } from "./stop_words.ts";

/** Scripts that set no spaces between words: each of their characters is a word of its own. */
const UNSPACED =
	/[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;
const EACH_UNSPACED = new RegExp(UNSPACED, "gu");
const PIECES = new RegExp(
	`${UNSPACED.source}+|[^${UNSPACED.source.slice(1, -1)}]+`,
	"gu",
);

/** A letter or digit. */
const LETTER = /[\p{L}\p{N}]/u;

/** Characters and words of a question that are looked at. */
const MAX_QUESTION = 4_000;
const MAX_WORDS = 48;

/** A text as an index takes it: scripts without spaces get some. */
export function indexable(text: string): string {
	// ASCII, told in no time.
	if (Buffer.byteLength(text) === text.length) return text;
	return text.normalize("NFKC").replace(EACH_UNSPACED, " $& ").toWellFormed();
}

/**
 * The words of a question as FTS5 phrases, each once, without those that tell nothing unless one such is all. Of a
 * script without spaces each pair of characters. Of a long text the beginning is looked at.
 */
export function wordsOf(text: string): string[] {
	const runs = text
		.slice(0, MAX_QUESTION)
		.normalize("NFKC")
		.toLowerCase()
		.match(/[\p{L}\p{N}\p{M}]+/gu);
	const words = (runs ?? []).flatMap(splitUnspaced);
	const telling = words.filter((word) => !isStopWord(word));
	const isOne = words.length === 1;
	const chosen = telling.length > 0 || !isOne ? telling : words;
	return [...new Set(chosen)]
		.slice(0, MAX_WORDS)
		.map((word) => `"${word.toWellFormed()}"`);
}

/** True of what has a letter or digit in it of a script that sets spaces between words, and of no other script. */
export function isSpaced(text: string): boolean {
	return LETTER.test(text) && !UNSPACED.test(text);
}

function splitUnspaced(run: string): string[] {
	if (!UNSPACED.test(run)) return [run];
	const pieces: string[] = [];
	for (const piece of run.match(PIECES) ?? []) {
		const characters = [...piece];
		if (!UNSPACED.test(piece)) pieces.push(piece);
		else if (characters.length === 1) pieces.push(piece);
		else
			for (let at = 1; at < characters.length; at++)
				pieces.push(`${characters[at - 1]} ${characters[at]}`);
	}
	return pieces;
}
