// How a content comes into a file for good: added to its end, or in the place of all it was.

import { constants } from "node:fs";
import { type FileHandle, rename, unlink } from "node:fs/promises";
import type { Directory } from "./directory.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants;

/** What the umask leaves of it is the mode of a new file. */
const NEW_FILE_MODE = 0o666;

/** What a file is to hold: at hand, or piece by piece as it comes from somewhere. */
export type Content = string | Uint8Array | AsyncIterable<Uint8Array>;

/** What comes piece by piece broke off; `cause` is what it threw. */
export class BrokenContent extends Error {
	override name = "BrokenContent";
}

/** Writes to the end of a file, which is made where it is missing. Resolves to its size. */
export async function appendFile(
	parent: Directory,
	name: string,
	content: Content,
): Promise<number> {
	const flags = O_WRONLY | O_APPEND | O_CREAT;
	const { handle } = await parent.openFile(name, flags, NEW_FILE_MODE);
	await using file = handle;
	await pour(file, content);
	await file.sync();
	await parent.sync();
	return (await file.stat()).size;
}

/** Writes beside the file and renames over it, so that a reader, or a power cut, finds all of the old content or all of the new. */
export async function replaceFile(
	parent: Directory,
	name: string,
	content: Content,
): Promise<number> {
	const old = await parent.status(name);
	if (old) parent.requirePlain(name, old);
	const temporary = `.aeon-${crypto.randomUUID()}.tmp`;
	const flags = O_WRONLY | O_CREAT | O_EXCL;
	const { handle } = await parent.openFile(temporary, flags, NEW_FILE_MODE);
	let isInPlace = false;
	try {
		await using file = handle;
		await pour(file, content);
		if (old) await file.chmod(old.mode & 0o777);
		await file.sync();
		const { size } = await file.stat();
		await rename(parent.at(temporary), parent.at(name));
		isInPlace = true;
		await parent.sync();
		return size;
	} finally {
		if (!isInPlace) await unlink(parent.at(temporary));
	}
}

/** Writes where the file's handle stands: at the end of one that is open for appending. */
async function pour(file: FileHandle, content: Content): Promise<void> {
	if (typeof content === "string" || content instanceof Uint8Array)
		return file.writeFile(content);
	for await (const piece of marked(content))
		for (let at = 0; at < piece.length; )
			at += (await file.write(piece, at)).bytesWritten;
}

/** Tells what the content throws from what the disk does. */
async function* marked(
	content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
	try {
		yield* content;
	} catch (error) {
		throw new BrokenContent("the content broke off", { cause: error });
	}
}
