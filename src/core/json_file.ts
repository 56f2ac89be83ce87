// Small files of Aeon's own, most of them JSON: replaced whole or not at all, and their owner's alone.

import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Puts a value in the place of a file's content; once this has resolved it survives a power cut. Makes the folder. */
export function writeJsonFile(path: string, value: unknown): Promise<void> {
	return replaceFile(path, `${JSON.stringify(value, undefined, "\t")}\n`);
}

/** The same with a text. */
export async function replaceFile(path: string, text: string): Promise<void> {
	await mkdir(dirname(path), { recursive: true, mode: 0o700 });
	const temporary = `${path}.${crypto.randomUUID()}.tmp`;
	try {
		{
			await using file = await open(temporary, "wx", 0o600);
			await file.writeFile(text);
			await file.sync();
		}
		await rename(temporary, path);
	} catch (error) {
		await rm(temporary, { force: true });
		throw error;
	}
}

/** Writes one file again and again, one after the other, also after one that failed. */
export function jsonFileWriter(
	path: string,
): (value: () => unknown) => Promise<void> {
	let last = Promise.resolve();
	return (value) => {
		const write = () => writeJsonFile(path, value());
		last = last.then(write, write);
		return last;
	};
}
