// Where Aeon's own files lie, and which path lies in which folder.

import { join, relative } from "node:path";

/** True of an absolute path that is the folder or lies in it, by their names alone. */
export function isWithin(path: string, folder: string): boolean {
	const way = relative(folder, path);
	return way !== ".." && !way.startsWith("../");
}

/** The state directory: token, history, approvals, and by default everything else. */
export function stateDirectory(home: string): string {
	return join(home, ".aeon");
}
