// A backup made: everything copied beside the file that it becomes, hashed, packed and read back, and only then given its name.

import { existsSync, statSync } from "node:fs";
import { copyFile, mkdir, readdir, rename, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { AeonError, describeError } from "../core/errors.ts";
import { isWithin } from "../core/paths.ts";
import { syncFolder } from "../core/sync.ts";
import { hashFile, readArchive, writeArchive } from "./archive.ts";
import {
	type BackedUpFile,
	describeFiles,
	type FileKind,
	type Manifest,
} from "./manifest.ts";
import { realPath, whyUnwritable } from "./place.ts";
import { requireRoom, sizeOf } from "./space.ts";
import {
	openUnfinished,
	removeUnfinished,
	type Unfinished,
} from "./unfinished.ts";

/** A file or folder that belongs into a backup. What is not there is left out. */
export interface BackupItem {
	kind: FileKind;
	/** Its name in the backup; of a folder, what the names of its files begin with. */
	name: string;
	/** Where it lies. */
	path: string;
	/** Makes a copy that is whole, whoever writes into it meanwhile; where this is missing, the bytes are copied. */
	copy?(target: string): Promise<void>;
}

/** What is to be backed up, and how. */
export interface BackupRequest {
	items: readonly BackupItem[];
	/** The version of this Aeon. */
	version: string;
	/** The word `storage.driver`. */
	driver: string;
	/** Milliseconds since 1970. */
	madeAt: number;
	/** A file that is there may be replaced. */
	isForced?: boolean;
	/** So many bytes must be left on that disk. */
	reserve?: number;
	signal: AbortSignal;
	/** Is shown the folder of the copies, named as in the backup, once it is safe: before they are removed. */
	inspect?(copies: string): Promise<void>;
}

/** A backup that was made. */
export interface MadeBackup {
	manifest: Manifest;
	/** Bytes. */
	size: number;
}

/**
 * Makes a backup, whole or not at all; it is its owner's alone. Throws `not_found` where there is nothing to put into it,
 * `conflict` where the file is there already, `usage` where it cannot be one, `storage_failed` where something cannot be read or written, and `signal.reason` where it is
 * aborted.
 */
export async function makeBackup(
	path: string,
	request: BackupRequest,
): Promise<MadeBackup> {
	const { items, signal, isForced = false, reserve = 0 } = request;
	const folder = dirname(resolve(path));
	checkPlace(path, isForced);
	const own = items.find((item) =>
		isWithin(realPath(path), realPath(item.path)),
	);
	if (own)
		throw new AeonError("conflict", `${path} is to be backed up itself`, {
			hint: "Name another file.",
		});
	const name = basename(path);
	let growing: Unfinished | undefined;
	try {
		await removeUnfinished(folder, (one) => one === name);
		// The copies, and at worst as much again for what is packed of them.
		const needed = items.reduce((sum, item) => sum + sizeOf(item.path), 0);
		requireRoom(folder, 2 * needed + reserve);
		growing = await openGrowing(path);
		const copies = join(growing.folder, "copies");
		await mkdir(copies, { mode: 0o700 });
		const files: BackedUpFile[] = [];
		for (const item of items)
			files.push(...(await copyItem(item, copies, signal)));
		if (files.length === 0)
			throw new AeonError("not_found", "there is nothing yet to back up");
		const manifest = describeFiles(request, files);
		const packed = join(growing.folder, "packed");
		const locate = (file: BackedUpFile) => join(copies, file.name);
		await writeArchive(packed, { manifest, locate }, signal);
		// What a disk or its cable has made of it is found out now, not when it is needed.
		await readArchive(packed, { version: request.version });
		const { size } = await stat(packed);
		signal.throwIfAborted();
		checkPlace(path, isForced);
		await rename(packed, path);
		await syncFolder(folder);
		await request.inspect?.(copies);
		return { manifest, size };
	} catch (error) {
		if (error instanceof AeonError || error === signal.reason) throw error;
		throw new AeonError(
			"storage_failed",
			`${path} cannot be made: ${describeError(error)}`,
			{ cause: error },
		);
	} finally {
		await growing?.remove();
	}
}

/** Says what is wrong with the folder of a backup where nothing can be put into it. */
function openGrowing(path: string): Promise<Unfinished> {
	return openUnfinished(path).catch((error) => {
		const { problem, hint } = whyUnwritable(error);
		throw new AeonError(
			"storage_failed",
			`${path} cannot be made: ${dirname(path)} ${problem}`,
			{ cause: error, hint },
		);
	});
}

function checkPlace(path: string, isForced: boolean): void {
	const folder = dirname(resolve(path));
	if (!existsSync(folder) || !statSync(folder).isDirectory())
		throw new AeonError("usage", `${path}: there is no folder ${folder}`);
	const status = statSync(path, { throwIfNoEntry: false });
	if (!status) return;
	if (status.isDirectory())
		throw new AeonError(
			"usage",
			`${path} is a folder: name a file in it, such as ${join(path, "aeon.tar.gz")}`,
		);
	if (!status.isFile())
		throw new AeonError("usage", `${path} is no plain file`);
	if (!isForced)
		throw new AeonError("conflict", `${path} is there already`, {
			hint: "Name another file, or replace this one with --force.",
		});
}

/** Copies an item and hashes what came of it. */
async function copyItem(
	{ kind, name, path, copy }: BackupItem,
	copies: string,
	signal: AbortSignal,
): Promise<BackedUpFile[]> {
	if (!existsSync(path)) return [];
	const target = join(copies, name);
	await mkdir(dirname(target), { recursive: true, mode: 0o700 });
	await (copy ? copy(target) : copyFile(path, target));
	const files: BackedUpFile[] = [];
	for (const file of await listFiles(target)) {
		signal.throwIfAborted();
		files.push({
			name: join(name, relative(target, file)),
			kind,
			...(await hashFile(file)),
		});
	}
	return files;
}

/** The file itself, or all files in a folder and below. */
async function listFiles(path: string): Promise<string[]> {
	if (!(await stat(path)).isDirectory()) return [path];
	const entries = await readdir(path, { recursive: true, withFileTypes: true });
	return entries
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name))
		.sort();
}
