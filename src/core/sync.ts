// Putting things on the disk: what the system has taken may lie in its memory for half a minute, which a power cut empties.

import {
	closeSync,
	fdatasync as fdatasyncCallback,
	fsync as fsyncCallback,
	openSync,
} from "node:fs";
import { promisify } from "node:util";

const fsync = promisify(fsyncCallback);
const fdatasync = promisify(fdatasyncCallback);

/** Puts the names in a folder on the disk: a new or renamed file is safe only then. */
export async function syncFolder(path: string): Promise<void> {
	const folder = openSync(path, "r");
	try {
		await fsync(folder);
	} finally {
		closeSync(folder);
	}
}

/** Puts what was written into a file on the disk, by whomever it was. */
export async function syncContent(path: string): Promise<void> {
	const file = openSync(path, "r");
	try {
		await fdatasync(file);
	} finally {
		closeSync(file);
	}
}
