// What a doctor found, for a person.

import { paint, visible } from "../core/terminal.ts";
import type { Finding, FindingState } from "./check.ts";

/** How it is shown. */
export interface ReportStyle {
	/** A terminal: marks in the place of words, and lines of 80 columns. */
	isTerminal: boolean;
	hasColour: boolean;
}

const COLUMNS = 80;

const MARKS = { ok: "ok", warning: "!", problem: "✗" } as const;
const COLOURS = { ok: "dim", warning: "bold", problem: "red" } as const;

const NAME_WIDTH = 14;

/** A finding as its line, with what to do, and what was done, in lines of their own. */
export function formatFinding(
	{ name, state, text, hint, fixed }: Finding,
	{ isTerminal, hasColour }: ReportStyle,
): string {
	const mark = isTerminal ? MARKS[state].padEnd(3) : state.padEnd(8);
	const indent = " ".repeat(mark.length + NAME_WIDTH);
	const width = isTerminal ? COLUMNS - indent.length : Number.POSITIVE_INFINITY;
	const arrow = isTerminal ? "→ " : "";
	const lines = [
		...wrap(text, width),
		...(fixed ? wrap(`fixed: ${fixed}`, width) : []),
		...(hint
			? wrap(hint, width - arrow.length).map(
					(line, index) =>
						(index === 0 ? arrow : " ".repeat(arrow.length)) + line,
				)
			: []),
	];
	const head = `${paint(COLOURS[state], mark, hasColour)}${visible(name).padEnd(NAME_WIDTH - 1)} `;
	return lines
		.map((line, index) => `${index === 0 ? head : indent}${line}\n`)
		.join("");
}

/** The last line: how much there is to do. */
export function formatSummary(findings: readonly Finding[]): string {
	const count = (state: FindingState, word: string) => {
		const { length } = findings.filter((one) => one.state === state);
		return length > 0 ? [`${length} ${word}${length > 1 ? "s" : ""}`] : [];
	};
	const all = [...count("problem", "problem"), ...count("warning", "warning")];
	return all.length > 0 ? `${all.join(", ")}.\n` : "All is well.\n";
}

/** A text in lines of so many characters; a longer word has one of its own. */
function wrap(text: string, width: number): string[] {
	const lines: string[] = [];
	for (const word of visible(text).replaceAll("\n", " ").split(" ")) {
		const last = lines.at(-1);
		if (last !== undefined && last.length + 1 + word.length <= width)
			lines[lines.length - 1] = `${last} ${word}`;
		else lines.push(word);
	}
	return lines;
}
