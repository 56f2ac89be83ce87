// Rendered text cut into parts, each of which Telegram takes as one message.

import { isVisible, type Run, writeHtml } from "./html.ts";

/** UTF-16 units of visible text; Telegram takes 4,096. */
const MAX_UNITS = 4000;

/** Bytes with tags and escapes; Telegram cuts off in silence what is beyond 35,000. */
const MAX_BYTES = 30_000;

/** The whole text, and which of its units are in a block of code. */
interface Text {
	runs: readonly Run[];
	text: string;
	isPre: Uint8Array;
}

/** Cuts at a paragraph, else at a line, else at a word, else between characters. Gives HTML; tags go on in the next part. */
export function splitRuns(runs: readonly Run[]): string[] {
	const whole = joined(runs);
	const { text } = whole;
	const parts: string[] = [];
	let first = 0;
	let passed = 0;
	for (let start = skipBlank(whole, 0); start < text.length; ) {
		while (passed + lengthOf(runs[first]) <= start) {
			passed += lengthOf(runs[first++]);
		}
		const limit = reach(runs, first, start - passed) + start;
		const cut = limit < text.length ? findCut(whole, start, limit) : limit;
		const end = trimmedEnd(whole, start, cut);
		if (isVisible(text.slice(start, end))) {
			parts.push(writeHtml(slice(runs, first, start - passed, end - passed)));
		}
		start = nextStart(whole, cut);
	}
	return parts;
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

/** How many units from an offset within a run one part may have. */
function reach(runs: readonly Run[], first: number, offset: number): number {
	let units = 0;
	let bytes = 0;
	for (let index = first; index < runs.length; index++) {
		const { text, tags } = runs[index] as Run;
		for (const { open, close } of tags) {
			bytes += Buffer.byteLength(open) + close.length;
		}
		for (let at = index === first ? offset : 0; at < text.length; at++) {
			bytes += bytesOf(text[at]);
			if (units === MAX_UNITS || bytes > MAX_BYTES) return Math.max(units, 2);
			units++;
		}
	}
	return units;
}

function bytesOf(unit = ""): number {
	if (unit === "&") return 5;
	if (unit === "<" || unit === ">") return 4;
	return unit < "\u0080" ? 1 : 3;
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
