import { fold, type Place, type WordFinder } from "./word_finder.ts";

/** Characters, UTF-16 units, that an excerpt has at most. */
const MAX_LENGTH = 300;

/** For so many characters a space is looked for to cut at. */
const MAX_WORD = 30;

const CUT = "…";

/** The piece of a text in which most of the words stand, cut between words; its beginning where none does. */
export function excerpt(text: string, finder: WordFinder): string {
	const whole = text.trim();
	if (whole.length <= MAX_LENGTH) return whole;
	const folded = fold(whole);
	const places = finder.places(folded);
	const { from, to } = densest(places);
	const begin = unfolded(whole, folded, from);
	const end = unfolded(whole, folded, to);
	const room = MAX_LENGTH - 2 * CUT.length;
	const wanted = begin - Math.floor((room - (end - begin)) / 2);
	const start = Math.max(0, Math.min(wanted, whole.length - room));
	const left = start > 0 ? cutAfter(whole, start) : 0;
	const isEnd = start + room >= whole.length;
	const right = isEnd ? whole.length : cutBefore(whole, start + room);
	return `${left > 0 ? CUT : ""}${whole.slice(left, right).trim()}${isEnd ? "" : CUT}`;
}

/** Where the first and the last of the words begin that stand together. */
function densest(places: readonly Place[]): { from: number; to: number } {
	const seen = new Map<number, number>();
	let best = { from: 0, to: 0, words: 0 };
	let first = 0;
	for (const [last, { word, at }] of places.entries()) {
		seen.set(word, (seen.get(word) ?? 0) + 1);
		for (; first < last; first++) {
			const earliest = places[first];
			if (!earliest || at - earliest.at < MAX_LENGTH / 2) break;
			const left = (seen.get(earliest.word) ?? 0) - 1;
			if (left > 0) seen.set(earliest.word, left);
			else seen.delete(earliest.word);
		}
		const from = places[first]?.at ?? at;
		if (seen.size > best.words) best = { from, to: at, words: seen.size };
	}
	return best;
}

/** Where a place of the folded text is in the text itself. */
function unfolded(text: string, folded: string, at: number): number {
	if (folded.length === text.length) return at;
	let [low, high] = [0, text.length];
	while (low < high) {
		const middle = (low + high) >> 1;
		if (fold(text.slice(0, middle)).length > at) high = middle;
		else low = middle + 1;
	}
	return Math.max(0, low - 1);
}

/** Where a word begins soon after a place, or else the place. */
function cutAfter(text: string, at: number): number {
	const space = text.slice(at, at + MAX_WORD).search(/\s\S/u);
	return space >= 0 ? at + space + 1 : unsplit(text, at);
}

/** Where a word ends shortly before a place, or else the place. */
function cutBefore(text: string, at: number): number {
	const before = text.slice(at - MAX_WORD, at + 1);
	const space = before.search(/\s\S*$/u);
	return space >= 0 ? at - MAX_WORD + space : unsplit(text, at);
}

/** A place before a surrogate pair where it would be within one. */
function unsplit(text: string, at: number): number {
	return /[\udc00-\udfff]/.test(text[at] ?? "") ? at - 1 : at;
}
