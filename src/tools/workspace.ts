// The one folder that tools may touch. Nobody gets out by a path: no `..`, no link, no second name of a foreign file.

import { constants, existsSync, mkdirSync, realpathSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { AeonError, describeError } from "../core/errors.ts";
import { Directory } from "./directory.ts";
import { parsePath, quote } from "./path.ts";
import { Refusal } from "./refusal.ts";
import {
	appendFile,
	BrokenContent,
	type Content,
	replaceFile,
} from "./write.ts";

/** A plain file, open for reading. Close it. */
export interface OpenFile extends AsyncDisposable {
	kind: "file";
	/** Its real, absolute path. */
	path: string;
	size: number;
	/** Fills the bytes from a place in the file; fewer only at its end. Resolves to how many. */
	read(bytes: Uint8Array, position: number): Promise<number>;
}

/** An open directory. Close it. */
export interface OpenDirectory extends AsyncDisposable {
	kind: "directory";
	/** Its real, absolute path. */
	path: string;
	/** What tells it from every other directory, even from a later one at the same path. */
	identity(): Promise<string>;
	/** The first names in it by the alphabet, and how many names there are. */
	list(limit: number): Promise<{ entries: Entry[]; total: number }>;
}

/** A name in a directory. */
export interface Entry {
	name: string;
	kind: "file" | "directory" | "other";
	size: number;
}

/**
 * The one folder that tools may touch, by paths relative to it. A path that leads elsewhere, or to anything but plain
 * files and directories, throws a Refusal: a sentence for the model. It stays so whoever renames and links meanwhile.
 */
export interface Workspace {
	/** Its real, absolute path. */
	readonly root: string;
	/** Opens a file or a directory for reading: `await using file = await workspace.open(path)` closes it again. */
	open(path: string): Promise<OpenFile | OpenDirectory>;
	/**
	 * Replaces or lengthens a file, making it and its directories where they are missing. It is on the disk when this
	 * resolves, to the file's size; a file that is replaced is whole for every reader, before and after. What a content
	 * throws that comes piece by piece is thrown on, and a file that was to be replaced is then as it was.
	 */
	write(
		path: string,
		content: Content,
		mode: "write" | "append",
	): Promise<number>;
}

/** The workspace in this folder, which is made where it is missing. `throughDescriptors`: see Directory. */
export function openWorkspace(
	root: string,
	throughDescriptors = existsSync("/proc/self/fd"),
): Workspace {
	try {
		mkdirSync(root, { recursive: true, mode: 0o700 });
	} catch (error) {
		throw new AeonError(
			"config_invalid",
			`The workspace ${root} cannot be used: ${describeError(error)}`,
			{ cause: error, hint: "tools.workspace in aeon.json names it." },
		);
	}
	const realRoot = realpathSync(root);

	/** The directory that names lead to; every one on the way is closed again. */
	const enter = async (names: string[], makesMissing = false) => {
		let here = await Directory.openRoot(realRoot, throughDescriptors);
		for (const name of names) {
			await using above = here;
			if (makesMissing) await above.makeDirectory(name);
			here = await above.openDirectory(name);
		}
		return here;
	};

	return {
		root: realRoot,

		open: (path) =>
			inWords(path, async () => {
				const names = parsePath(path);
				const name = names.at(-1);
				if (name === undefined) return openDirectory(await enter([]));
				await using parent = await enter(names.slice(0, -1));
				const status = await parent.status(name);
				if (!status)
					throw new Refusal(
						`There is no ${parent.label(name)} in the workspace.`,
					);
				if (status.isDirectory())
					return openDirectory(await parent.openDirectory(name));
				return await openFile(parent, name);
			}),

		write: (path, content, mode) =>
			inWords(path, async () => {
				const names = parsePath(path);
				const name = names.pop();
				if (name === undefined || path.endsWith("/"))
					throw new Refusal(`${quote(path)} is a directory: name a file.`);
				await using parent = await enter(names, true);
				return mode === "append"
					? await appendFile(parent, name, content)
					: await replaceFile(parent, name, content);
			}),
	};
}

async function openFile(parent: Directory, name: string): Promise<OpenFile> {
	const { handle, status } = await parent.openFile(name, constants.O_RDONLY);
	return {
		kind: "file",
		path: join(parent.path, name),
		size: status.size,
		read: (bytes, position) => fill(handle, bytes, position),
		[Symbol.asyncDispose]: () => handle.close(),
	};
}

function openDirectory(directory: Directory): OpenDirectory {
	return {
		kind: "directory",
		path: directory.path,
		identity: () => directory.identity(),
		async list(limit) {
			const names = (await directory.names()).sort();
			const entries: Entry[] = [];
			for (const name of names.slice(0, limit)) {
				const status = await directory.status(name);
				if (!status) continue;
				const kind = status.isDirectory()
					? "directory"
					: status.isFile()
						? "file"
						: "other";
				entries.push({ name, kind, size: status.size });
			}
			return { entries, total: names.length };
		},
		[Symbol.asyncDispose]: () => directory.close(),
	};
}

async function fill(
	handle: FileHandle,
	bytes: Uint8Array,
	position: number,
): Promise<number> {
	let filled = 0;
	while (filled < bytes.length) {
		const { bytesRead } = await handle.read(
			bytes,
			filled,
			bytes.length - filled,
			position + filled,
		);
		if (bytesRead === 0) break;
		filled += bytesRead;
	}
	return filled;
}

/** What the system says no with, in words for the model. */
const REASONS: Record<string, string> = {
	EACCES: "Aeon may not do that there",
	EDQUOT: "the disk quota is used up",
	EISDIR: "it is a directory",
	ELOOP: "it is a symbolic link, and links are not followed",
	EMFILE: "too many files are open; try again later",
	ENAMETOOLONG: "the name is too long",
	ENOENT: "it is gone",
	ENOSPC: "the disk is full",
	ENOTDIR: "part of it is not a directory",
	ENXIO: "it is not a plain file",
	EPERM: "Aeon may not do that there",
	EROFS: "the disk is read-only",
};

/** Turns what the system says no with into a Refusal. */
async function inWords<T>(path: string, work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (error instanceof BrokenContent) throw error.cause;
		const { code } = error as NodeJS.ErrnoException;
		if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) throw error;
		const reason = Object.hasOwn(REASONS, code) ? REASONS[code] : code;
		throw new Refusal(`${quote(path)} cannot be used: ${reason}.`, {
			cause: error,
		});
	}
}
