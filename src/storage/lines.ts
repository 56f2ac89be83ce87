// Reading the lines of a file in pieces, from either end.

import { readSync } from "node:fs";

/** A line without its newline, and where in the file it begins and ends. */
export interface Line {
	offset: number;
	end: number;
	text: string;
}

const NEWLINE = 0x0a;

const CHUNK_SIZE = 64 * 1024;

/** The lines of an open file after `from`, the first one first. Empty ones are left out. */
export function* linesForward(file: number, from = 0): Generator<Line> {
	let pieces: Buffer[] = [];
	let offset = from;
	for (let position = from; ; ) {
		const chunk = readChunk(file, position, CHUNK_SIZE);
		if (chunk.length === 0) break;
		let start = 0;
		for (
			let end = chunk.indexOf(NEWLINE);
			end >= 0;
			end = chunk.indexOf(NEWLINE, start)
		) {
			yield* asLine(offset, [...pieces, chunk.subarray(start, end)]);
			pieces = [];
			start = end + 1;
			offset = position + start;
		}
		pieces.push(chunk.subarray(start));
		position += chunk.length;
	}
	yield* asLine(offset, pieces);
}

/** The lines before `end` of an open file, from the last to the first. Empty ones are left out. */
export function* linesBackward(file: number, end: number): Generator<Line> {
	// The pieces of the line whose beginning is still to come, the last one first.
	let pieces: Buffer[] = [];
	for (let position = end; position > 0; ) {
		const size = Math.min(CHUNK_SIZE, position);
		position -= size;
		const chunk = readChunk(file, position, size);
		let rest = chunk.length;
		for (
			let newline = chunk.lastIndexOf(NEWLINE);
			newline >= 0;
			newline = chunk.subarray(0, rest).lastIndexOf(NEWLINE)
		) {
			pieces.push(chunk.subarray(newline + 1, rest));
			yield* asLine(position + newline + 1, pieces.reverse());
			pieces = [];
			rest = newline;
		}
		pieces.push(chunk.subarray(0, rest));
	}
	yield* asLine(0, pieces.reverse());
}

/** The bytes of an open file from `position`, fewer than `size` where it ends before. */
export function readChunk(
	file: number,
	position: number,
	size: number,
): Buffer {
	const chunk = Buffer.allocUnsafe(size);
	return chunk.subarray(0, readSync(file, chunk, 0, size, position));
}

function* asLine(offset: number, pieces: Buffer[]): Generator<Line> {
	const bytes = Buffer.concat(pieces);
	if (bytes.length > 0)
		yield { offset, end: offset + bytes.length, text: bytes.toString("utf8") };
}
