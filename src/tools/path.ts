// Which paths a tool may name at all, before the disk is asked.

import { Refusal } from "./refusal.ts";

/** NAME_MAX and PATH_MAX of Linux; a root of 1 KB still fits before the path. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 3072;

/** The names a path leads through, from the workspace down; none for the workspace itself. Throws a Refusal. */
export function parsePath(path: string): string[] {
	if (path === "")
		throw new Refusal(
			'The path is empty: name a file, or "." for the workspace itself.',
		);
	if (path.includes("\0"))
		throw new Refusal("The path has a NUL character in it: leave it out.");
	if (Buffer.byteLength(path) > MAX_PATH_BYTES)
		throw new Refusal(
			`The path is longer than ${MAX_PATH_BYTES} bytes: choose a shorter one.`,
		);
	if (path.startsWith("/"))
		throw new Refusal(
			`${quote(path)} is an absolute path: write it relative to the workspace, such as "notes/today.md".`,
		);
	if (path.startsWith("~"))
		throw new Refusal(
			`${quote(path)} begins with "~", which leads out of the workspace: write it relative to the workspace, such as "notes/today.md".`,
		);
	const names = path.split("/").filter((name) => name !== "" && name !== ".");
	if (names.includes(".."))
		throw new Refusal(
			`${quote(path)} has ".." in it: a path leads down from the workspace, never up.`,
		);
	if (names.some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES))
		throw new Refusal(
			`A name in the path is longer than ${MAX_NAME_BYTES} bytes: choose a shorter one.`,
		);
	return names;
}

/** A path as a sentence shows it: in quotes, control characters escaped, the middle of a long one left out. */
export function quote(path: string): string {
	const text =
		path.length > 200 ? `${path.slice(0, 100)}…${path.slice(-99)}` : path;
	return JSON.stringify(text);
}
