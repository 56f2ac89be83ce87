import { closeSync, fsync, openSync } from "node:fs";
import { promisify } from "node:util";

/** Puts the names in a folder on the disk: a new or renamed file is safe only then. */
export async function syncFolder(path: string): Promise<void> {
	const folder = openSync(path, "r");
	try {
		await promisify(fsync)(folder);
	} finally {
		closeSync(folder);
	}
}
