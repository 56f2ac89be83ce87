// A release: a file for each kind of machine, and SHA256SUMS, which is believed about them.

import { createReadStream, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { AeonError, describeError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import { type Opened, openUrl, releaseUrl, shown } from "./fetching.ts";

/** The file of a release that is for this machine. */
export interface Release {
	/** Where it lies, as a person would name it. */
	place: string;
	/** The SHA-256 that its release gives for it, in hexadecimal. */
	sum: string;
	/** The version, where the release tells it. */
	version: string | undefined;
	open(): Promise<Opened>;
}

/** A folder of files, wherever it is. */
interface Folder {
	place(name: string): string;
	open(name: string): Promise<Opened>;
}

const SUMS = "SHA256SUMS";
const VERSION_FILE = "VERSION";

const MAX_TEXT = 1_000_000;

const BESIDE = `Put the ${SUMS} that was made with the program beside it.`;

/** How a file is read: of small pieces a Pi has thousands to take. */
const LARGE = { highWaterMark: 1024 * 1024 };

/** A line of sha256sum(1): the sum, a space, a space or `*`, the name, which `sha256sum ./*` has with a `./` before it. */
const LINE = /^([0-9a-f]{64}) [ *](?:\.\/)*(.+?)\s*$/i;

/**
 * The release at a path or URL, which `look` is told of: of the file itself, or of the folder that it lies in, which as a URL ends with `/`. Throws
 * `not_found` where something of it is missing, SHA256SUMS above all, `usage`, and `peer_unavailable`.
 */
export async function findRelease(
	from: string,
	signal: AbortSignal,
	look: (place: string) => void = () => {},
): Promise<Release> {
	const { folder, name } = locate(from, signal);
	look(folder.place(""));
	const sums = await readSums(folder);
	const sum = sums.get(name);
	if (sum === undefined)
		throw new AeonError(
			"not_found",
			`${folder.place(SUMS)} has no line for ${name}, so that it cannot be known whether that is whole`,
			{ hint: `Nothing was changed. ${BESIDE}` },
		);
	return {
		place: folder.place(name),
		sum,
		version: await readVersion(folder, sums.get(VERSION_FILE)),
		open: () => folder.open(name),
	};
}

/** What the file for this machine is called: as this very program, `aeon-linux-arm64`. */
export function targetName(): string {
	const { platform: system, arch } = process;
	return `aeon-${system}-${arch}${usesMusl() ? "-musl" : ""}`;
}

function usesMusl(): boolean {
	if (process.platform !== "linux") return false;
	try {
		return readFileSync("/proc/self/maps", "utf8").includes("/ld-musl-");
	} catch {
		return false;
	}
}

function locate(
	from: string,
	signal: AbortSignal,
): { folder: Folder; name: string } {
	const url = releaseUrl(from);
	if (url) {
		const folder: Folder = {
			place: (name) => shown(new URL(encodeURIComponent(name), url)),
			open: (name) => openUrl(new URL(encodeURIComponent(name), url), signal),
		};
		const last = url.pathname.split("/").at(-1) ?? "";
		return { folder, name: decoded(last) || targetName() };
	}
	const path = resolve(from);
	const found = statSync(path, { throwIfNoEntry: false });
	if (!found)
		throw new AeonError("not_found", `${path} is not there`, {
			hint: "--from takes a file or a folder, or an https:// address.",
		});
	const isFolder = found.isDirectory();
	const directory = isFolder ? path : dirname(path);
	return {
		name: isFolder ? targetName() : basename(path),
		folder: {
			place: (name) => join(directory, name),
			open: async (name) => openPath(join(directory, name)),
		},
	};
}

function decoded(name: string): string {
	try {
		return decodeURIComponent(name);
	} catch {
		throw new AeonError("usage", `${name} is no name in an address`);
	}
}

function openPath(path: string): Opened {
	try {
		const status = statSync(path);
		if (!status.isFile()) throw new Error("it is not a plain file");
		return { size: status.size, pieces: createReadStream(path, LARGE) };
	} catch (error) {
		throw new AeonError(
			"not_found",
			`${path} cannot be read: ${describeError(error)}`,
			{ cause: error },
		);
	}
}

async function readSums(folder: Folder): Promise<Map<string, string>> {
	let text: string;
	try {
		text = await readText(folder, SUMS);
	} catch (error) {
		throw new AeonError(
			"not_found",
			`A release is not used without its ${SUMS}: ${describeError(error)}`,
			{ cause: error, hint: `Nothing was changed. ${BESIDE}` },
		);
	}
	const sums = new Map<string, string>();
	for (const line of text.split(/\r?\n/)) {
		const [, sum, name] = LINE.exec(line) ?? [];
		if (!sum || !name) continue;
		const known = sums.get(name);
		if (known !== undefined && known !== sum.toLowerCase())
			throw new AeonError(
				"conflict",
				`${folder.place(SUMS)} has two different sums for ${name}`,
				{ hint: "Nothing was changed. Ask whoever has made the release." },
			);
		sums.set(name, sum.toLowerCase());
	}
	return sums;
}

/** Undefined where the release has none; one that is not the one it had when it was made is as good as none. */
async function readVersion(
	folder: Folder,
	sum: string | undefined,
): Promise<string | undefined> {
	if (sum === undefined) return undefined;
	const text = await readText(folder, VERSION_FILE);
	return platform.sha256(text) === sum ? text.trim() : undefined;
}

async function readText(folder: Folder, name: string): Promise<string> {
	const { pieces } = await folder.open(name);
	const decoder = new TextDecoder();
	let text = "";
	for await (const piece of pieces) {
		text += decoder.decode(piece, { stream: true });
		if (text.length > MAX_TEXT)
			throw new AeonError("too_large", `${folder.place(name)} is too large`);
	}
	return text + decoder.decode();
}
