// WhatsApp's marks: which there are, and rendered text written with them.

import type { Run, Style, Tag } from "../markdown/style.ts";
import { isVisible } from "../markdown/text.ts";
import { writeLine } from "./line.ts";
import { GAP } from "./strays.ts";

/** UTF-16 units that WhatsApp takes as one text, marks and all. */
const MAX_UNITS = 4096;

/** Before a line that would begin a quote or a list; not a blank anywhere, so that nothing trims it away. */
const WORD_JOINER = "\u2060";

const FENCE = "```";

const PRE = tag("pre", "");
const ADDRESS = tag("a", "");

/** How WhatsApp shows what was rendered. */
export const MARKS: Style = {
	bold: tag("b", "*"),
	italic: tag("i", "_"),
	struck: tag("s", "~"),
	code: tag("code", "`"),
	quote: tag("blockquote", ""),
	pre: () => PRE,
	link: (address) => (/^https?:\/\//i.test(address) ? ADDRESS : undefined),
	hidesAddresses: false,
	tab: "\t",
	reach,
	write: writeMarks,
	maxWritten: MAX_UNITS,
};

/** A block of code; or the pieces of a line. */
type Row = string | Run[];

function writeMarks(runs: readonly Run[]): string {
	const rows = rowsOf(runs);
	const lines = rows.map((row) =>
		typeof row === "string" ? fenced(row) : writeText(row),
	);
	const whole = lines.join("\n");
	// What is between two fences would be code, wherever they stand.
	const last = Math.max(0, whole.lastIndexOf(FENCE));
	const fencedUpTo = whole.slice(0, last).search(/\S\s*$/);
	if (fencedUpTo < 0) return whole;
	let at = 0;
	const written = lines.map((line, index) => {
		const start = at;
		at += line.length + 1;
		if (typeof rows[index] === "string") return line;
		return line.replace(/`{3,}/g, (run, offset) =>
			start + offset + FENCE.length <= fencedUpTo
				? run.split("").join(GAP)
				: run,
		);
	});
	return written.join("\n");
}

/** Blocks of code stand on lines of their own. */
function rowsOf(runs: readonly Run[]): Row[] {
	const rows: Row[] = [];
	let line: Run[] | undefined;
	for (const { text, tags } of runs) {
		if (tags.includes(PRE)) {
			if (line?.length) rows.push(line);
			// Fences with nothing visible between them are none.
			if (isVisible(text)) rows.push(text);
			line = undefined;
			continue;
		}
		const [begun = "", ...more] = text.split("\n");
		if (begun) {
			line ??= [];
			line.push({ text: begun, tags });
		}
		for (const each of more) {
			// After code no line has begun, and this newline only ends its last one.
			if (line) rows.push(line);
			line = each ? [{ text: each, tags }] : [];
		}
	}
	if (line?.length) rows.push(line);
	const isFull = (row: Row) => row.length > 0;
	return rows.slice(rows.findIndex(isFull), rows.findLastIndex(isFull) + 1);
}

function writeText(pieces: readonly Run[]): string {
	const line = writeLine(pieces);
	if (pieces[0]?.tags.includes(MARKS.quote)) {
		return line.trim() ? `> ${line}` : "";
	}
	return /^[>*-]\s/.test(line) ? WORD_JOINER + line : line;
}

/** Code with its fences; what in it is like one is parted, which is the only change that code sees. */
function fenced(code: string): string {
	const text = code.replace(/``(?=`)/g, `\`\`${WORD_JOINER}`);
	return `${FENCE}\n${text}\n${FENCE}`;
}

function reach(runs: readonly Run[], first: number, offset: number): number {
	let units = -offset;
	for (let index = first; index < runs.length; index++) {
		units += runs[index]?.text.length ?? 0;
		if (units >= MAX_UNITS) return MAX_UNITS;
	}
	return units;
}

function tag(name: Tag["name"], mark: string): Tag {
	return { name, open: mark, close: mark };
}
