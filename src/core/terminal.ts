// What a terminal is shown: text made harmless, colours where they are wanted, and writing that does not load a stream.

import { writeSync } from "node:fs";
import { isatty } from "node:tty";

/** How a terminal is to be written to. */
export interface TerminalStyle {
	/** A person looks at standard output. */
	isTty: boolean;
	/** Colours are wanted there: a terminal, and no `NO_COLOR` (no-color.org). */
	hasColour: boolean;
}

const STDOUT = 1;
const STDERR = 2;

/** Tab and line feed are kept; every other control character could move the cursor, hide text or start an escape. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** The style of this process's standard output. */
export function terminalStyle(
	env: Record<string, string | undefined>,
): TerminalStyle {
	const isTty = isatty(STDOUT);
	return { isTty, hasColour: isTty && !env.NO_COLOR && env.TERM !== "dumb" };
}

/** True where a person can be asked something. */
export function canAsk(): boolean {
	return isatty(0) && isatty(STDOUT);
}

/** Writes to standard output, at once and whole. Throws EPIPE where nobody reads it any more. */
export function print(text: string): void {
	writeAll(STDOUT, text);
}

/** Writes to standard error. */
export function printError(text: string): void {
	writeAll(STDERR, text);
}

/** Text from outside without the control characters that a terminal would obey. */
export function printable(text: string): string {
	return text.replace(CONTROL, "");
}

/** Text from outside with its control characters shown as escapes: for what a person must see exactly. */
export function visible(text: string): string {
	return text.replace(
		CONTROL,
		(character) =>
			`\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
	);
}

/** Text in a colour or weight, where colours are wanted. */
export function paint(
	style: "dim" | "bold" | "red" | "cyan",
	text: string,
	hasColour: boolean,
): string {
	const codes = { dim: 2, bold: 1, red: 31, cyan: 36 };
	return hasColour ? `\x1b[${codes[style]}m${text}\x1b[0m` : text;
}

function writeAll(descriptor: number, text: string): void {
	let bytes: Buffer = Buffer.from(text);
	while (bytes.length > 0) {
		try {
			bytes = bytes.subarray(writeSync(descriptor, bytes));
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
			// A non-blocking pipe that is full: its reader needs a moment.
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
		}
	}
}
