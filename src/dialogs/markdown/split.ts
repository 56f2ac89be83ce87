// Rendered text cut into parts, each of which a dialog takes as one message.

import type { Run, Style } from "./style.ts";
import { isVisible } from "./text.ts";

/** The whole text, and which of its units are in a block of code. */
interface Text {
	runs: readonly Run[];
	text: string;
	isPre: Uint8Array;
}

/** Where a part begins: the run, what comes before that run, and the place, both counted from the beginning of the text. */
interface Place {
	first: number;
	passed: number;
	start: number;
}

/** Cuts at a paragraph, else at a line, else at a word, else between characters. Gives what is sent; tags go on in the next part. */
export function splitRuns(runs: readonly Run[], style: Style): string[] {
	const whole = joined(runs);
	const parts: string[] = [];
	const place = { first: 0, passed: 0, start: skipBlank(whole, 0) };
	while (place.start < whole.text.length) {
		while (place.passed + lengthOf(runs[place.first]) <= place.start) {
			place.passed += lengthOf(runs[place.first++]);
		}
		const { written, next } = takePart(whole, place, style);
		if (written) parts.push(written);
		place.start = next;
	}
	return parts;
}

/** The longest part that can be sent, empty where nobody could see it; and where the next one begins. */
function takePart(
	whole: Text,
	{ first, passed, start }: Place,
	style: Style,
): { written: string; next: number } {
	const { runs, text } = whole;
	let reach = style.reach(runs, first, start - passed);
	for (;;) {
		const limit = start + reach;
		const cut = limit < text.length ? findCut(whole, start, limit) : limit;
		const end = trimmedEnd(whole, start, cut);
		const written = isVisible(text.slice(start, end))
			? style.write(slice(runs, first, start - passed, end - passed))
			: "";
		if (written.length <= style.maxWritten || reach <= 2) {
			return { written, next: nextStart(whole, cut) };
		}
		const share = style.maxWritten / written.length;
		reach = Math.max(2, Math.floor((end - start) * share));
	}
}

function joined(runs: readonly Run[]): Text {
	const text = runs.map((run) => run.text).join("");
	const isPre = new Uint8Array(text.length);
	let offset = 0;
	for (const run of runs) {
		const end = offset + run.text.length;
		if (run.tags.some(({ name }) => name === "pre")) isPre.fill(1, offset, end);
		offset = end;
	}
	return { runs, text, isPre };
}

/** Where a part that begins at `start` ends, at most at `limit`; a cut in its first half is none. */
function findCut({ text, isPre }: Text, start: number, limit: number): number {
	const half = start + Math.floor((limit - start) / 2);
	let paragraph = text.lastIndexOf("\n\n", limit);
	while (paragraph > half && isPre[paragraph]) {
		paragraph = text.lastIndexOf("\n\n", paragraph - 1);
	}
	if (paragraph > half) return paragraph;
	const line = text.lastIndexOf("\n", limit);
	if (line > half) return line;
	for (let cut = limit; cut > half; cut--) {
		// In code no space may go: it stays with the part that ends.
		if (isBlank(isPre[cut] ? text[cut - 1] : text[cut])) return cut;
	}
	const window = text.slice(start, limit + 64);
	const grapheme = new Intl.Segmenter()
		.segment(window)
		.containing(limit - start);
	const boundary = start + (grapheme?.index ?? 0);
	if (boundary > half) return boundary;
	return /[\udc00-\udfff]/.test(text[limit] ?? "") ? limit - 1 : limit;
}

/** Where the part after a cut begins: of code only the newline at the cut goes, elsewhere all that is blank. */
function nextStart(whole: Text, cut: number): number {
	const { text, isPre } = whole;
	if (isPre[cut] && text[cut] === "\n") return cut + 1;
	return skipBlank(whole, cut);
}

function skipBlank({ text, isPre }: Text, start: number): number {
	let at = start;
	while (at < text.length && !isPre[at] && isBlank(text[at])) at++;
	return at;
}

function trimmedEnd({ text, isPre }: Text, start: number, cut: number): number {
	let end = cut;
	while (end > start && !isPre[end - 1] && isBlank(text[end - 1])) end--;
	return end;
}

function isBlank(unit: string | undefined): boolean {
	return unit === " " || unit === "\n" || unit === "\t";
}

/** The pieces from one offset to another, both counted from the beginning of the first piece. */
function slice(
	runs: readonly Run[],
	first: number,
	start: number,
	end: number,
): Run[] {
	const pieces: Run[] = [];
	let offset = 0;
	for (let index = first; offset < end; index++) {
		const { text, tags } = runs[index] as Run;
		const piece = text.slice(Math.max(0, start - offset), end - offset);
		if (piece) pieces.push({ text: piece, tags });
		offset += text.length;
	}
	return pieces;
}

function lengthOf(run: Run | undefined): number {
	return run?.text.length ?? Number.POSITIVE_INFINITY;
}
