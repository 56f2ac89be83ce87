// A backup read back: unpacked beside what it is to replace, with every file checked.

import { rmSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AeonError } from "../core/errors.ts";
import { readArchive } from "./archive.ts";
import type { BackedUpFile, FileKind, Manifest } from "./manifest.ts";
import { requireRoom } from "./space.ts";

/**
 * Puts every file of a backup into a folder, which is made anew, its owner's alone, under the names that they have in the
 * backup. Throws `not_found`, `usage`, `storage_failed` and `conflict`.
 */
export async function unpackBackup(
	path: string,
	folder: string,
	version: string,
): Promise<Manifest> {
	checkFile(path);
	rmSync(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true, mode: 0o700 });
	return readArchive(path, {
		version,
		accept: ({ files }) =>
			requireRoom(
				folder,
				files.reduce((sum, { size }) => sum + size, 0),
			),
		place: ({ name }) => join(folder, name),
	});
}

/**
 * Puts one thing out of a backup at a path: a file, or a folder of files. All of the backup is read. Throws as `unpackBackup`
 * does, and `storage_failed` where it has no such thing in it.
 */
export async function extractFrom(
	path: string,
	{
		kind,
		target,
		version,
	}: { kind: FileKind; target: string; version: string },
): Promise<Manifest> {
	checkFile(path);
	const isWanted = (file: BackedUpFile) => file.kind === kind;
	return readArchive(path, {
		version,
		accept({ files }) {
			const wanted = files.filter(isWanted);
			if (wanted.length === 0)
				throw new AeonError("storage_failed", `${path} has no ${kind} in it`);
			requireRoom(
				target,
				wanted.reduce((sum, { size }) => sum + size, 0),
			);
		},
		place: (file) =>
			isWanted(file)
				? join(target, ...file.name.split("/").slice(1))
				: undefined,
	});
}

function checkFile(path: string): void {
	const status = statSync(path, { throwIfNoEntry: false });
	if (!status)
		throw new AeonError("not_found", `${path}: there is no such file`);
	if (!status.isFile())
		throw new AeonError("usage", `${path} is no plain file`);
}
