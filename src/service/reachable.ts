// Whether a user may use a file or folder, by its owner and mode (path_resolution(7)); access lists are not looked at.

import { type Stats, statSync } from "node:fs";
import { dirname } from "node:path";

/** Somebody by number; one whom nobody's files belong to where it is not known yet. */
export interface Somebody {
	uid: number;
	gid: number;
}

const READ = 4;
const WRITE = 2;
const ENTER = 1;

/**
 * What keeps somebody from a file or folder, as a person reads it; undefined where nothing does. `isBound` where the folders
 * above it do not count, since it is bound to its place in a namespace.
 */
export function obstacle(
	path: string,
	who: Somebody,
	{ isWritten, isBound }: { isWritten: boolean; isBound: boolean },
): string | undefined {
	const status = statSync(path, { throwIfNoEntry: false });
	if (!status) return "is not there";
	const isFolder = status.isDirectory();
	const needed = READ | (isWritten ? WRITE : 0) | (isFolder ? ENTER : 0);
	if (!may(status, who, needed))
		return `may not be ${isWritten ? "written" : "read"}`;
	if (isBound) return undefined;
	for (let one = dirname(path); ; one = dirname(one)) {
		if (!may(statSync(one), who, ENTER))
			return `cannot be got at, since ${one} may not be entered`;
		if (one === dirname(one)) return undefined;
	}
}

function may(status: Stats, { uid, gid }: Somebody, bits: number): boolean {
	const shift = status.uid === uid ? 6 : status.gid === gid ? 3 : 0;
	return ((status.mode >> shift) & bits) === bits;
}
