// A text file page by page: memory for one page, however long the file or its lines.

import { Refusal } from "./refusal.ts";
import { wholeCharacters } from "./utf8.ts";
import type { OpenFile } from "./workspace.ts";

const MAX_PAGE_BYTES = 50 * 1024;
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 10;

/** The lines from an offset on, as many as fit, with a note on how to go on where the file has more. */
export async function readPage(
	file: OpenFile,
	{ offset, limit = Infinity }: { offset: number; limit?: number | undefined },
	signal: AbortSignal,
): Promise<string> {
	const start = await findLine(file, offset, signal);
	// One byte more than a page tells whether the file goes on after it.
	const buffer = Buffer.alloc(MAX_PAGE_BYTES + 1);
	const bytes = buffer.subarray(0, await file.read(buffer, start));
	if (bytes.length === 0) return "[the file is empty]";
	const { end, lines } = takeLines(bytes, limit);
	const notes: string[] = [];
	if (lines === 0)
		notes.push(
			`line ${offset} is longer than a page, and only its beginning is shown`,
		);
	const last = offset + Math.max(lines, 1) - 1;
	if (end < bytes.length)
		notes.push(
			`lines ${offset}-${last} of the file; go on with offset ${last + 1}`,
		);
	else if (offset > 1)
		notes.push(`lines ${offset}-${last} of the file, its end`);
	const shown = bytes.subarray(0, end);
	const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
		lines === 0 ? wholeCharacters(shown) : shown,
	);
	if (notes.length === 0) return text;
	return `${text}${text.endsWith("\n") ? "" : "\n"}[${notes.join("; ")}]`;
}

/** How many bytes of a page the whole lines at its start take; all it may, and no line, where the first does not fit. */
function takeLines(
	bytes: Buffer,
	limit: number,
): { end: number; lines: number } {
	const isFileEnd = bytes.length <= MAX_PAGE_BYTES;
	let end = 0;
	let lines = 0;
	while (lines < limit && end < bytes.length) {
		const newline = bytes.indexOf(NEWLINE, end);
		const next = newline === -1 ? bytes.length : newline + 1;
		if (next > MAX_PAGE_BYTES || (newline === -1 && !isFileEnd)) break;
		end = next;
		lines++;
	}
	return lines === 0 ? { end: MAX_PAGE_BYTES, lines } : { end, lines };
}

/** The place in the file where a line begins. Throws a Refusal where there is no such line. */
async function findLine(
	file: OpenFile,
	wanted: number,
	signal: AbortSignal,
): Promise<number> {
	if (wanted === 1) return 0;
	const chunk = Buffer.alloc(CHUNK_BYTES);
	let position = 0;
	let line = 1;
	let isLineOpen = false;
	for (;;) {
		signal.throwIfAborted();
		const bytes = chunk.subarray(0, await file.read(chunk, position));
		if (bytes.length === 0) break;
		let at = 0;
		while (line < wanted) {
			const newline = bytes.indexOf(NEWLINE, at);
			if (newline === -1) break;
			at = newline + 1;
			line++;
		}
		isLineOpen = at < bytes.length;
		if (line === wanted && isLineOpen) return position + at;
		position += bytes.length;
	}
	const count = isLineOpen ? line : line - 1;
	throw new Refusal(
		`The file has ${count} ${count === 1 ? "line" : "lines"}: offset ${wanted} is past its end.`,
	);
}
