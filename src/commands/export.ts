// What exports have in common: the flag that says in which form, times, and pieces of Markdown.

import { AeonError } from "../core/errors.ts";
import { visible } from "../core/terminal.ts";

/** The forms that Aeon's own things are exported in: for programs, and for people. */
export const FORMATS = ["jsonl", "markdown"] as const;

/** One of them, as `--format` names it. */
export type Format = (typeof FORMATS)[number];

/** `--format`, for every command that exports something. */
export const formatFlag = {
	format: {
		type: "string",
		description:
			"A JSON object a line (jsonl), or a document to read (markdown)",
		default: FORMATS[0],
		valueHint: FORMATS.join("|"),
	},
} as const;

/** The form that `--format` asks for. Throws `usage` for one that there is not. */
export function chooseFormat(given: string): Format {
	const format = FORMATS.find((one) => one === given);
	if (!format)
		throw new AeonError(
			"usage",
			`--format ${given}: write ${FORMATS.join(" or ")}`,
		);
	return format;
}

/** A time as `2026-01-02 03:04`, which is UTC. */
export function formatTime(timestamp: number): string {
	return new Date(timestamp).toISOString().slice(0, 16).replace("T", " ");
}

/** A name from outside on one line, with all that is in it to be seen. */
export function oneLine(name: string): string {
	return visible(name).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** A text as a block of Markdown in which nothing is taken for Markdown, whatever is in it (CommonMark, "Fenced code blocks"). */
export function fenced(text: string, language = ""): string {
	const longest = [...text.matchAll(/`{3,}/g)].reduce(
		(length, [run]) => Math.max(length, run.length),
		2,
	);
	const fence = "`".repeat(longest + 1);
	return `${fence}${language}\n${text.replace(/\n$/, "")}\n${fence}`;
}
