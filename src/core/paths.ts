import { relative } from "node:path";

/** True of an absolute path that is the folder or lies in it, by their names alone. */
export function isWithin(path: string, folder: string): boolean {
	const way = relative(folder, path);
	return way !== ".." && !way.startsWith("../");
}
