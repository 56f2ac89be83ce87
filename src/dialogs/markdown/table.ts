// Tables, which no dialog knows: aligned in a block of code, or row by row where that is too wide for a phone.

import type { Tokens } from "marked";
import { isLinked, renderInline, textOf } from "./inline.ts";
import type { Run, Style, Tag } from "./style.ts";

/** Characters of a block of code that fit beside each other on a phone. */
const MAX_WIDTH = 36;

const WIDE =
	/[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\ufe0f/u;

/** A table inside the tags given. */
export function renderTable(
	table: Tokens.Table,
	tags: readonly Tag[],
	style: Style,
): Run[] {
	const rows = [table.header, ...table.rows].map((cells, row) =>
		cells.map(({ tokens }) =>
			renderInline(tokens, row ? tags : [...tags, style.bold], style),
		),
	);
	return aligned(rows, table.align, tags, style) ?? rowByRow(rows, tags);
}

function aligned(
	rows: Run[][][],
	align: Tokens.Table["align"],
	tags: readonly Tag[],
	style: Style,
): Run[] | undefined {
	// An address cannot stand in code.
	if (rows.some((cells) => cells.some((cell) => cell.some(isLinked)))) return;
	const texts = rows.map((cells) =>
		cells.map((cell) => textOf(cell).replace(/\s+/g, " ").trim()),
	);
	const widths = align.map((_, column) =>
		texts.reduce((most, row) => Math.max(most, width(row[column])), 0),
	);
	const total = widths.reduce((sum, each) => sum + each + 3, -3);
	if (total > MAX_WIDTH) return;
	const lines = texts.map((row) =>
		widths
			.map((each, column) => padded(row[column], each, align[column]))
			.join(" | ")
			.trimEnd(),
	);
	lines.splice(1, 0, widths.map((each) => "-".repeat(each)).join("-+-"));
	return [{ text: lines.join("\n"), tags: [...tags, style.pre()] }];
}

function rowByRow(rows: Run[][][], tags: readonly Tag[]): Run[] {
	return rows.flatMap((cells, row) => [
		...(row ? [{ text: "\n", tags }] : []),
		...cells.flatMap((cell, column) =>
			column ? [{ text: " — ", tags }, ...cell] : cell,
		),
	]);
}

function padded(
	text = "",
	columns: number,
	align: "center" | "left" | "right" | null | undefined,
): string {
	const missing = columns - width(text);
	const before =
		align === "right" ? missing : align === "center" ? missing >> 1 : 0;
	return " ".repeat(before) + text + " ".repeat(missing - before);
}

/** Columns that a text takes where all characters are equally wide, or twice as wide. */
function width(text = ""): number {
	if (/^[ -~]*$/.test(text)) return text.length;
	let columns = 0;
	for (const { segment } of new Intl.Segmenter().segment(text)) {
		columns += WIDE.test(segment) ? 2 : 1;
	}
	return columns;
}
