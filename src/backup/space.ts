// How much room there is on a disk, and how much is needed.

import { readdirSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { AeonError } from "../core/errors.ts";
import { logOf } from "../database/companions.ts";
import { nearest } from "./place.ts";

/** The bytes of a file, with the log of a database, or of all files in a folder; 0 where there is none. */
export function sizeOf(path: string): number {
	const status = statSync(path, { throwIfNoEntry: false });
	if (!status) return 0;
	if (!status.isDirectory())
		return (
			status.size +
			(statSync(logOf(path), { throwIfNoEntry: false })?.size ?? 0)
		);
	return readdirSync(path).reduce(
		(sum, name) => sum + sizeOf(join(path, name)),
		0,
	);
}

/** Throws `storage_failed` where a folder, or the first one above it that is there, has not so many bytes left. */
export function requireRoom(folder: string, bytes: number): void {
	const there = nearest(folder);
	const { bavail, bsize } = statfsSync(there);
	const free = bavail * bsize;
	if (free >= bytes) return;
	throw new AeonError(
		"storage_failed",
		`There is not enough room in ${there}: ${formatSize(bytes)} are needed, and ${formatSize(free)} are left`,
		{
			hint: "Free some space there, or use another disk.",
			// As the system would say it, had it been tried.
			cause: Object.assign(new Error("no space left"), { code: "ENOSPC" }),
		},
	);
}

/** A size for a person, as 1.2 MB. */
export function formatSize(bytes: number): string {
	if (bytes < 1_000_000) return `${Math.ceil(bytes / 1_000)} kB`;
	return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
