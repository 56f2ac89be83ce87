// Finding the words of a question in a text without an index, nearly as an index would.

import { isSpaced, wordsOf } from "./words.ts";

/** A word in a folded text: which one it is, and where it begins. */
export interface Place {
	word: number;
	at: number;
}

/** Endings of English words, which an index does not look at either. */
const ENDING = /^(.{3,}?)(?:ies|ing|ed|es|[sye])$/;

/** A word that stands everywhere is not looked for any further. */
const MAX_PLACES = 50;

/** The words of one question. */
export class WordFinder {
	/** The words as an index is asked for them. */
	readonly phrases: readonly string[];
	/** How they begin. */
	readonly #stems: readonly string[];

	constructor(question: string) {
		this.phrases = wordsOf(question);
		this.#stems = this.phrases.map((phrase) =>
			stemOf(fold(phrase.replace(/[" ]/g, ""))),
		);
	}

	/** Whether any of the words may stand in a folded text; false where none does. */
	mayBeIn(folded: string): boolean {
		return this.#stems.some((stem) => stem !== "" && folded.includes(stem));
	}

	/** Which of the words stand in a text, by their places among `phrases`. */
	find(text: string): number[] {
		const folded = fold(text);
		return [...this.#stems.keys()].filter(
			(word) => this.#next(folded, word, 0) >= 0,
		);
	}

	/** Where the words begin in a folded text, in the order of the text. */
	places(folded: string): Place[] {
		return [...this.#stems.keys()]
			.flatMap((word) => this.#places(folded, word).take(MAX_PLACES).toArray())
			.sort((a, b) => a.at - b.at);
	}

	*#places(folded: string, word: number): Generator<Place> {
		for (
			let at = this.#next(folded, word, 0);
			at >= 0;
			at = this.#next(folded, word, at + 1)
		)
			yield { word, at };
	}

	/** Where a word begins, not before `from`; -1 where it does not. */
	#next(folded: string, word: number, from: number): number {
		const stem = this.#stems[word] ?? "";
		let at = stem ? folded.indexOf(stem, from) : -1;
		while (at > 0 && isSpaced(stem) && isSpaced(folded[at - 1] ?? ""))
			at = folded.indexOf(stem, at + 1);
		return at;
	}
}

/** A text without what makes no other word: capitals, accents and the like. */
export function fold(text: string): string {
	if (Buffer.byteLength(text) === text.length) return text.toLowerCase();
	return text
		.normalize("NFKD")
		.replace(/\p{M}+/gu, "")
		.normalize("NFC")
		.toLowerCase();
}

function stemOf(word: string): string {
	return ENDING.exec(word)?.[1] ?? word;
}
