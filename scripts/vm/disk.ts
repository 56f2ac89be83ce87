// A machine's disk: made with Aeon on it, and looked at afterwards.

import {
	closeSync,
	copyFileSync,
	ftruncateSync,
	mkdirSync,
	openSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { run } from "./process.ts";

const BYTES = 300 * 1024 * 1024;

/** On Debian this is not in everybody's PATH. */
const SBIN = "/usr/sbin";

/** Makes an ext4 disk in a folder, with a binary and its aeon.json on it; gives the file. */
export function makeDisk(
	folder: string,
	binary: string,
	config: object,
): string {
	const content = join(folder, "content");
	mkdirSync(join(content, ".aeon"), { recursive: true, mode: 0o700 });
	copyFileSync(binary, join(content, "aeon"));
	writeFileSync(join(content, ".aeon", "aeon.json"), JSON.stringify(config), {
		mode: 0o600,
	});
	const disk = join(folder, "disk.img");
	const file = openSync(disk, "w");
	ftruncateSync(file, BYTES);
	closeSync(file);
	run(
		[join(SBIN, "mke2fs"), "-q", "-F", "-t", "ext4", "-d", content, disk],
		folder,
	);
	return disk;
}

/** Copies a file from the disk of a machine that is off. */
export function readFromDisk(disk: string, path: string, to: string): void {
	run([join(SBIN, "debugfs"), "-R", `dump ${path} ${to}`, disk], "/");
}
