// Multi-line paste in a line editor: what is pasted arrives as one line, its line ends standing as ␤ until it is sent.

import { PassThrough } from "node:stream";

/** Stands for a line end inside a line that is being edited. */
const LINE_END = "␤";

/** Bracketed paste (xterm, "Bracketed Paste Mode"): switched on and off, and what a terminal puts around a paste. */
const PASTE_ON = "\x1b[?2004h";
const PASTE_OFF = "\x1b[?2004l";
const PASTE_START = "\x1b[200~";
const PASTE_END = "\x1b[201~";

/** A stream of keys for a line editor, with pastes made into one line, and how to end it. */
export interface KeyStream {
	keys: NodeJS.ReadableStream;
	close(): void;
}

/** Text as it was pasted: its line ends as they were. */
export function restoreLineEnds(line: string): string {
	return line.replaceAll(LINE_END, "\n");
}

/** Text as it can stand in one line of the editor. */
export function foldLineEnds(text: string): string {
	return text.replaceAll(/\r\n|\r|\n/g, LINE_END);
}

/** The keys of a terminal, with what is pasted folded into one line. */
export function readKeys(
	terminal: NodeJS.ReadStream,
	write: (text: string) => void,
): KeyStream {
	const keys = Object.assign(new PassThrough(), {
		isTTY: true,
		setRawMode: (mode: boolean) => terminal.setRawMode(mode),
	});
	const fold = pasteFolder();
	const onData = (bytes: string) => {
		const folded = fold(bytes);
		if (folded) keys.write(folded);
	};
	terminal.setEncoding("utf8");
	terminal.on("data", onData);
	// A terminal that is gone is the end, too.
	for (const end of ["end", "close", "error"])
		terminal.once(end, () => keys.end());
	write(PASTE_ON);
	return {
		keys,
		close() {
			terminal.off("data", onData);
			terminal.pause();
			write(PASTE_OFF);
		},
	};
}

/** Folds the line ends of pastes in a stream of keys, wherever the stream is cut. */
export function pasteFolder(): (chunk: string) => string {
	let isPasting = false;
	let held = "";
	return (chunk) => {
		let rest = held + chunk;
		held = "";
		let out = "";
		while (rest !== "") {
			const mark = isPasting ? PASTE_END : PASTE_START;
			const at = rest.indexOf(mark);
			const part =
				at >= 0
					? rest.slice(0, at)
					: rest.slice(0, -overlap(rest, mark) || undefined);
			out += isPasting ? foldLineEnds(part) : part;
			if (at < 0) {
				held = rest.slice(part.length);
				// A lone Escape is a key of its own, not the beginning of a paste.
				if (!isPasting && held === "\x1b") [out, held] = [out + held, ""];
				break;
			}
			isPasting = !isPasting;
			rest = rest.slice(at + mark.length);
		}
		return out;
	};
}

/** How many characters at the end of a text are the beginning of a mark. */
function overlap(text: string, mark: string): number {
	for (let length = mark.length - 1; length > 0; length--)
		if (text.endsWith(mark.slice(0, length))) return length;
	return 0;
}
