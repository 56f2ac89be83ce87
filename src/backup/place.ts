// Where things lie, behind links and where there may be nothing yet.

import { existsSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** True where something lies there, if only a link to nothing. */
export function isThere(path: string): boolean {
	return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** The path, or the first folder above it that is there. */
export function nearest(path: string): string {
	return existsSync(path) || dirname(path) === path
		? path
		: nearest(dirname(path));
}

/** The whole path without links, as far as it is there. */
export function realPath(path: string): string {
	const whole = resolve(path);
	if (existsSync(whole) || dirname(whole) === whole) return realpathSync(whole);
	return join(realPath(dirname(whole)), basename(whole));
}
