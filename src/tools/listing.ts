// What was found in memory, as lines for a model.

/** All lines together; what comes after is left out. */
const MAX_LENGTH = 4_000;

/** Something that was found, between what is said of it. */
export interface Line {
	before: string;
	/** Of any length, and with any line breaks. */
	text: string;
	after: string;
}

/** The lines that fit, the first of them always, cut where it must be. Empty where there are none. */
export function listed(lines: readonly Line[]): string {
	let room = MAX_LENGTH;
	const shown: string[] = [];
	for (const { before, text, after } of lines) {
		const line = text.replace(/\s+/gu, " ").trim();
		const left = room - before.length - after.length;
		if (shown.length > 0 && line.length > left) break;
		shown.push(`${before}${cut(line, left)}${after}`);
		room = left - line.length - 1;
	}
	return shown.join("\n");
}

/** A day as 2026-11-03, on the clock of where Aeon runs. */
export function dayOf(timestamp: number): string {
	const date = new Date(timestamp);
	const two = (number: number) => String(number).padStart(2, "0");
	return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function cut(text: string, length: number): string {
	if (text.length <= length) return text;
	return `${text.slice(0, Math.max(0, length - 1)).toWellFormed()}…`;
}
