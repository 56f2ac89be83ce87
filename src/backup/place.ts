// Where things lie, behind links and where there may be nothing yet.

import { existsSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { describeError } from "../core/errors.ts";
import { codeOf } from "../database/failure.ts";

/** Why nothing can be put into a folder, by the code of the system's error (errno(3)). */
const PROBLEMS: { code: RegExp; problem: string; hint: string }[] = [
	{
		code: /^(EEXIST|ENOTDIR)$/,
		problem: "is no folder: there is a file in its place",
		hint: "Name another folder, or move that file aside.",
	},
	{
		code: /^(EACCES|EPERM)$/,
		problem: "may not be written",
		hint: "Check who owns it, or name another folder.",
	},
	{
		code: /^EROFS$/,
		problem: "may not be written: its disk is mounted read-only",
		hint: "Mount that disk so that it can be written, or name a folder on another one.",
	},
	{
		code: /^(ENOSPC|EDQUOT)$/,
		problem: "has no room: its disk is full",
		hint: "Free some space there, or use another disk.",
	},
];

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

/** What keeps a folder from being made or written, said after its name, and what to do about it. */
export function whyUnwritable(error: unknown): {
	problem: string;
	hint?: string;
} {
	const known = PROBLEMS.find(({ code }) => code.test(codeOf(error)));
	return known ?? { problem: `cannot be used: ${describeError(error)}` };
}
