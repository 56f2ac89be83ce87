// What a terminal is shown: text made harmless, colours where they are wanted, and writing that does not load a stream.

import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { AeonError, describeError } from "./errors.ts";

/** How a terminal is to be written to. */
export interface TerminalStyle {
	/** Escapes are wanted there: a terminal that knows them, and no `NO_COLOR` (no-color.org). */
	hasColour: boolean;
}

/** A place to write to. */
export interface Output extends TerminalStyle {
	write(text: string): void;
}

const STDOUT = 1;
const STDERR = 2;

/** Tab and line feed are kept; every other control character could move the cursor, hide text or start an escape. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Unicode's embeddings, overrides and isolates (UAX #9, "Explicit Directional"). */
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g;

/** Unicode's format characters, bidirectional and of no width, and its line ends. */
const UNSEEN = /[\p{Cf}\u2028\u2029]/gu;

/** The style of this process's standard output, or of its standard error. */
export function terminalStyle(
	env: Record<string, string | undefined>,
	stream: "stdout" | "stderr" = "stdout",
): TerminalStyle {
	const isTty = isatty(stream === "stdout" ? STDOUT : STDERR);
	return { hasColour: isTty && !env.NO_COLOR && env.TERM !== "dumb" };
}

/** True where a person can be asked something. */
export function canAsk(): boolean {
	return isatty(0) && isatty(STDOUT);
}

/** Writes to standard output, at once and whole. What nobody can read any more is dropped: the pipe or the terminal is gone. */
export function print(text: string): void {
	writeAll(STDOUT, text);
}

/** Writes to standard error. */
export function printError(text: string): void {
	writeAll(STDERR, text);
}

/** Text from outside without the characters that a terminal would obey, or that would turn the order of the others round. */
export function printable(text: string): string {
	return text.replace(CONTROL, "").replace(BIDI, "");
}

/** Text from outside with every character that is not seen shown as an escape: for what a person must see exactly. */
export function visible(text: string): string {
	const code = (character: string) =>
		(character.codePointAt(0) ?? 0).toString(16);
	return text
		.replace(CONTROL, (character) => `\\x${code(character).padStart(2, "0")}`)
		.replace(UNSEEN, (character) => `\\u{${code(character)}}`);
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
			const { code } = error as NodeJS.ErrnoException;
			if (code === "EPIPE" || code === "EIO") return;
			if (code !== "EAGAIN")
				throw new AeonError(
					"internal",
					`The output cannot be written: ${describeError(error)}`,
					{ cause: error },
				);
			// A non-blocking pipe that is full: its reader needs a moment.
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
		}
	}
}
