// The whole lines of a file that others add lines to.

import { type FileHandle, open } from "node:fs/promises";

/** Read and written at a time. */
const CHUNK_SIZE = 256 * 1024;

const NEWLINE = 0x0a;

/** Adds to a copy what a file has after `from`, up to the end of its last whole line, which it gives. */
export async function copyLines(
	file: FileHandle,
	path: string,
	from: number,
): Promise<number> {
	const end = await endOfLines(file, from);
	if (end === from) return end;
	await using copy = await open(path, "a", 0o600);
	const chunk = Buffer.allocUnsafe(CHUNK_SIZE);
	for (let position = from; position < end; ) {
		const size = Math.min(CHUNK_SIZE, end - position);
		const { bytesRead } = await file.read(chunk, 0, size, position);
		if (bytesRead === 0)
			throw Object.assign(new Error("a file became shorter"), { code: "EIO" });
		await copy.appendFile(chunk.subarray(0, bytesRead));
		position += bytesRead;
	}
	return end;
}

/** Behind the last newline after `from`; `from` where there is none. */
async function endOfLines(file: FileHandle, from: number): Promise<number> {
	const chunk = Buffer.allocUnsafe(CHUNK_SIZE);
	for (let end = (await file.stat()).size; end > from; ) {
		const begin = Math.max(from, end - CHUNK_SIZE);
		const { bytesRead } = await file.read(chunk, 0, end - begin, begin);
		const newline = chunk.subarray(0, bytesRead).lastIndexOf(NEWLINE);
		if (newline >= 0) return begin + newline + 1;
		end = begin;
	}
	return from;
}
