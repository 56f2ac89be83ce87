// Reading a file that may not be there.

import { closeSync, openSync } from "node:fs";
import { codeOf } from "../database/failure.ts";

/** What `read` makes of a file, or undefined where there is none. */
export function reading<T>(
	path: string,
	read: (opened: number) => T,
): T | undefined {
	const opened = openExisting(path);
	if (opened === undefined) return undefined;
	try {
		return read(opened);
	} finally {
		closeSync(opened);
	}
}

/** Undefined where there is no such file. */
export function openExisting(path: string): number | undefined {
	try {
		return openSync(path, "r");
	} catch (error) {
		if (codeOf(error) === "ENOENT") return undefined;
		throw error;
	}
}
