// WhatsApp's marks, read as its rules say: a mark touches what it is around and no letter or figure outside, goes over no
// line's end and into no code; three backticks are around code wherever they stand; a line's beginning makes quotes and lists.

import { expect } from "bun:test";
import { cleanText, isVisible } from "../../../src/dialogs/markdown/text.ts";
import { renderParts } from "../../../src/dialogs/whatsapp/markdown.ts";

/** A character as it is shown; `styles` has its marks, `>` in a quote and `p` in a block of code, sorted. */
export interface Shown {
	character: string;
	styles: string;
}

/** Where nobody tells how WhatsApp reads it, it must not matter: a mark across another one, a fence right after a fence. */
const READERS: ((part: string) => Shown[])[] = [
	(part) => read(part, readNested, nextFence),
	(part) => read(part, readEach, anyFence),
];

const HAIR_SPACE = "\u200a";
const WORD_JOINER = "\u2060";

/** What a part shows, with nothing of what is only there to keep it from being a mark. Throws where a rule is broken. */
export function readStrictly(part: string): Shown[] {
	if (part.length > 4096) throw new Error(`${part.length} units`);
	if (!part.isWellFormed() || /[^\P{Cc}\t\n]|\ufffd/u.test(part)) {
		throw new Error(`broken characters in ${JSON.stringify(part)}`);
	}
	const [shown = [], ...others] = READERS.map((read) =>
		withoutGuards(read(part)),
	);
	for (const other of others) expect(other).toEqual(shown);
	if (!isVisible(textOf(shown))) throw new Error(`empty: ${part}`);
	return shown;
}

/** The text that is shown. */
export function textOf(shown: readonly Shown[]): string {
	return shown.map(({ character }) => character).join("");
}

/** The parts of a text: each as WhatsApp wants it, together visible where the text is, and nothing in them without a need. */
export function partsOf(markdown: string): string[] {
	const parts = renderParts(markdown);
	for (const part of parts) {
		expect(isVisible(textOf(readStrictly(part)))).toBe(true);
		expect(part).not.toMatch(/^[ \n\t]/);
		expectNeeded(part, markdown);
	}
	expect(parts.length > 0).toBe(isVisible(cleanText(markdown)));
	return parts;
}

/** Without what keeps characters from being marks, a part that has any would show something else. */
function expectNeeded(part: string, markdown: string): void {
	const bare = part.replace(/[\u200a\u2060]/g, "");
	if (bare === part || /[\u200a\u2060]/.test(markdown)) return;
	const shown = readStrictly(part);
	const isSame = READERS.every((read) => {
		try {
			return Bun.deepEquals(withoutGuards(read(bare)), shown);
		} catch {
			// A list that nobody wrote, or a block that begins in the middle of something.
			return false;
		}
	});
	if (isSame) throw new Error(`guarded without need: ${JSON.stringify(part)}`);
}

function withoutGuards(shown: readonly Shown[]): Shown[] {
	return shown.filter(
		({ character }) => character !== HAIR_SPACE && character !== WORD_JOINER,
	);
}

/** How a line is read: what it shows, in these styles outside of all marks. */
type LineReader = (line: string, outside: string) => Shown[];

/** Where the fence is that ends a block whose code begins at a place; -1 where there is none. */
type FenceFinder = (part: string, start: number) => number;

function read(
	part: string,
	readLine: LineReader,
	findFence: FenceFinder,
): Shown[] {
	const shown: Shown[] = [];
	let text = "";
	const add = (all: string, styles: string) => {
		for (const character of all) shown.push({ character, styles });
	};
	for (let at = 0; at < part.length; ) {
		const end = part.startsWith("```", at) ? findFence(part, at + 3) : -1;
		const code = part.slice(at + 3, end);
		if (end >= 0) {
			shown.push(...readText(text, readLine));
			text = "";
			if (!/^\n.*\n$/s.test(code)) throw new Error(`half a block: ${part}`);
			if (shown.length && shown.at(-1)?.character !== "\n") {
				throw new Error(`a block within a line: ${part}`);
			}
			add(code.slice(1, -1), "p");
			at = end + 3;
		} else {
			text += part.charAt(at++);
		}
	}
	shown.push(...readText(text, readLine));
	return shown;
}

/** The next fence, if there is anything before it. */
function nextFence(part: string, start: number): number {
	const end = part.indexOf("```", start);
	return part.slice(start, Math.max(start, end)).trim() ? end : -1;
}

/** The first fence before which there is anything, be it a fence. */
function anyFence(part: string, start: number): number {
	let end = part.indexOf("```", start);
	while (end >= 0 && !part.slice(start, end).trim()) {
		end = part.indexOf("```", end + 1);
	}
	return end;
}

function readText(text: string, readLine: LineReader): Shown[] {
	return text.split("\n").flatMap((line, index) => {
		const newline = index ? [{ character: "\n", styles: "" }] : [];
		if (/^[*-]\s/.test(line))
			throw new Error(`a list that nobody wrote: ${line}`);
		return line.startsWith("> ")
			? [...newline, ...readLine(line.slice(2), ">")]
			: [...newline, ...readLine(line, "")];
	});
}

/** Marks within marks, each ended before the one around it. */
function readNested(line: string, outside: string): Shown[] {
	const ends = marksOf(line);
	const between = (from: number, to: number, styles: string): Shown[] => {
		const shown: Shown[] = [];
		for (let at = from; at < to; at++) {
			const mark = line.charAt(at);
			const end = ends.get(mark)?.(at) ?? to;
			if (end >= to || styles.includes("`")) {
				shown.push({ character: mark, styles });
				continue;
			}
			shown.push(...between(at + 1, end, sorted(styles + mark)));
			at = end;
		}
		return shown;
	};
	return joined(between(0, line.length, outside));
}

/** One kind of mark after the other, wherever the others are. */
function readEach(line: string, outside: string): Shown[] {
	const ends = marksOf(line);
	const units = line
		.split("")
		.map((character) => ({ character, styles: outside }));
	for (const [mark, endOf] of ends) {
		for (let at = 0; at < line.length; at++) {
			const end = endOf(at);
			if (end === undefined) continue;
			for (const unit of units.slice(at + 1, end)) {
				unit.styles = sorted(unit.styles + mark);
			}
			for (const place of [at, end])
				units[place] = { character: "", styles: "" };
			at = end;
		}
	}
	return joined(units.filter(({ character }) => character));
}

/** Of each kind of mark, where the one ends that begins at a place; within code there is none. */
function marksOf(
	line: string,
): Map<string, (at: number) => number | undefined> {
	const inCode = new Uint8Array(line.length);
	const codeEnd = endsOf(line, "`", inCode);
	for (let at = 0; at < line.length; at++) {
		const end = codeEnd(at);
		if (end === undefined) continue;
		inCode.fill(1, at, end + 1);
		at = end;
	}
	const ends = new Map([["`", codeEnd]]);
	for (const mark of "*_~") ends.set(mark, endsOf(line, mark, inCode));
	return ends;
}

/** Where the mark that begins at a place ends, if one does. Marks that are around nothing but their like are none. */
function endsOf(
	line: string,
	mark: string,
	inCode: Uint8Array,
): (at: number) => number | undefined {
	const ends: (number | undefined)[] = [];
	const endFrom: (number | undefined)[] = [];
	let runEnd = 0;
	for (let at = line.length - 1; at >= 0; at--) {
		endFrom[at] = endFrom[at + 1];
		if (line.charAt(at) !== mark || inCode[at]) continue;
		if (line.charAt(at + 1) !== mark) runEnd = at;
		const before = [...line.slice(Math.max(0, at - 2), at)].at(-1) ?? "";
		const after = [...line.slice(at + 1, at + 3)].at(0) ?? "";
		if (isFree(before) && isFull(after)) ends[at] = endFrom[runEnd + 1];
		if (isFull(before) && isFree(after)) endFrom[at] = at;
	}
	return (at) => ends[at];
}

function isFree(outside: string): boolean {
	return !/[\p{L}\p{N}]/u.test(outside);
}

function isFull(inside: string): boolean {
	return /\S/.test(inside);
}

function sorted(styles: string): string {
	return [...new Set(styles)].sort().join("");
}

/** Halves of a character put together. */
function joined(units: readonly Shown[]): Shown[] {
	const shown: Shown[] = [];
	for (const { character, styles } of units) {
		const last = shown.at(-1);
		if (last && /^[\ud800-\udbff]$/.test(last.character)) {
			last.character += character;
		} else shown.push({ character, styles });
	}
	return shown;
}
