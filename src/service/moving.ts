// Files and folders on their way to another place and owner.

import {
	chmodSync,
	existsSync,
	linkSync,
	lstatSync,
	mkdirSync,
	renameSync,
	rmdirSync,
	rmSync,
	statfsSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { AeonError } from "../core/errors.ts";
import { run } from "../core/run.ts";
import { must } from "./machine.ts";
import { asOwner, numbersOf, type Owner, withRights } from "./rights.ts";

/** A state directory on a slow card may be large. */
const COPY_MS = 60 * 60_000;

/** Is left free beside what is copied, in bytes. */
const SPARE_BYTES = 50_000_000;

/**
 * Reads as one user and writes as another, so that neither has root copy, give away or delete what is not theirs: no links to
 * follow, no owners to change. Its arguments are the two command prefixes, each after its count of words, both folders, and
 * what tar leaves out.
 */
const COPY = `set -eo pipefail
umask 077
reader=("\${@:2:$1}"); shift $(($1 + 1))
writer=("\${@:2:$1}"); shift $(($1 + 1))
from=$1 copy=$2; shift 2
"\${writer[@]}" rm -rf -- "$copy"
"\${writer[@]}" mkdir -- "$copy"
"\${reader[@]}" tar --create --format=posix --sparse --mode=ug-s --anchored "$@" --directory="$from" . |
"\${writer[@]}" tar --extract --same-permissions --no-same-owner --directory="$copy"
"\${writer[@]}" sync --file-system "$copy"`;

/** A folder that is copied, and where to. */
export interface Move {
	from: string;
	/** Whose it is: only what that user may read is copied. */
	reader: Owner;
	to: string;
	/** Whose the copy is. */
	writer: Owner;
	/** Names at its top that are left out. */
	without?: readonly string[];
	/** Changes the copy, with the rights of its owner, before it takes its place. */
	adapt?(copy: string): void;
}

/**
 * Copies a folder with all that is in it; the copy takes its place once the disk has all of it. Throws `conflict` where
 * something is there already, where there is no room, and where a copy fails; then nothing is left of it.
 */
export async function copyFolder(move: Move): Promise<void> {
	const { from, reader, to, writer, without = [], adapt } = move;
	if (isThere(to)) throw new AeonError("conflict", `${to} is there already`);
	await checkRoom(from, reader, dirname(to));
	const copy = `${to}.moving`;
	const prefixes = [asOwner(reader, []), asOwner(writer, [])];
	try {
		const { code, err } = await run(
			[
				...["bash", "-c", COPY, "aeon"],
				...prefixes.flatMap((words) => [String(words.length), ...words]),
				...[from, copy, ...without.map((name) => `--exclude=./${name}`)],
			],
			{ timeoutMs: COPY_MS },
		);
		if (code !== 0) throw notCopied(from, to, err);
		await withRights(writer, () => {
			adapt?.(copy);
			renameSync(copy, to);
		});
	} finally {
		await removeFolder(copy, writer);
	}
}

/** Removes a folder as its owner, who cannot have anything else removed by it. Throws `conflict` where something stays. */
export async function removeFolder(path: string, owner: Owner): Promise<void> {
	if (!isThere(path)) return;
	const command = ["rm", "--recursive", "--force", "--", path];
	await must(asOwner(owner, command), { timeoutMs: COPY_MS });
}

/** Removes a folder that is no longer used: first its name, so that a kill half-way leaves nothing that looks like it. */
export async function discardFolder(path: string, owner: Owner): Promise<void> {
	const aside = `${path}.discarded`;
	await removeFolder(aside, owner);
	await withRights(owner, () => renameSync(path, aside));
	await removeFolder(aside, owner);
}

/**
 * Gives a folder and all in it to an owner, or of it what belongs to one user. A file with a second name somewhere may be
 * another's, and is left.
 */
export async function giveFolder(
	path: string,
	owner: Owner,
	ofUser?: number,
): Promise<void> {
	const [uid] = numbersOf(owner);
	const which =
		ofUser === undefined ? ["!", "-uid", `${uid}`] : ["-uid", `${ofUser}`];
	await must(
		[
			...["find", path, "-xdev", ...which],
			...["(", "-type", "d", "-o", "-links", "1", ")"],
			...["-execdir", "chown", "--no-dereference", owner, "{}", "+"],
		],
		{ timeoutMs: COPY_MS },
	);
}

async function checkRoom(
	from: string,
	reader: Owner,
	folder: string,
): Promise<void> {
	const measure = ["du", "--summarize", "--block-size=1", "--", from];
	const { out } = await run(asOwner(reader, measure), { timeoutMs: COPY_MS });
	const size = Number.parseInt(out, 10) || 0;
	const { bavail, bsize } = statfsSync(folder);
	const missing = size + SPARE_BYTES - bavail * bsize;
	if (missing <= 0) return;
	const megabytes = Math.ceil(missing / 1_000_000);
	throw new AeonError(
		"conflict",
		`${from} is copied before it is removed, and the disk of ${folder} has no room for that: ${megabytes} MB are missing`,
	);
}

function notCopied(from: string, to: string, said: string): AeonError {
	const lines = said.trim().split("\n").slice(-3).join("\n");
	const cure = said.includes("Permission denied")
		? `\nAll in it has to belong to the owner of ${from}.`
		: "";
	return new AeonError(
		"conflict",
		`${from} could not be copied to ${to}:\n${lines}${cure}`,
	);
}

/** Puts a file in the place of what is there; `undo` puts that back. Nothing is changed before `put`. */
export function replacement(path: string) {
	const [next, before] = besides(path);
	let hadOne = false;
	let isPut = false;
	return {
		/** With a text, or as a copy of a file. */
		async put(
			content: { text: string } | { copyOf: string },
			mode: number,
		): Promise<void> {
			hadOne = false;
			isPut = false;
			rmSync(next, { force: true });
			rmSync(before, { force: true });
			try {
				if ("text" in content) writeFileSync(next, content.text, { mode });
				else await must(["cp", "--dereference", content.copyOf, next]);
				chmodSync(next, mode);
				await must(["sync", next]);
				if (isThere(path)) {
					linkSync(path, before);
					hadOne = true;
				}
				renameSync(next, path);
				isPut = true;
			} finally {
				rmSync(next, { force: true });
			}
		},
		undo(): void {
			if (!isPut) rmSync(before, { force: true });
			else if (hadOne) renameSync(before, path);
			else rmSync(path, { force: true });
		},
		/** It is to stay. */
		keep(): void {
			rmSync(before, { force: true });
		},
	};
}

/** Beside a file that is replaced: what a kill may leave of the new one and of the old one. */
export function besides(path: string): [next: string, before: string] {
	const folder = dirname(path);
	return [join(folder, ".aeon-next"), join(folder, ".aeon-before")];
}

/** Makes a folder and those above it, with this mode; gives those that were missing, innermost first. */
export function makeFolders(path: string, mode: number): string[] {
	const made: string[] = [];
	for (let one = path; !existsSync(one); one = dirname(one)) made.push(one);
	mkdirSync(path, { recursive: true });
	// Whatever the umask of this process is.
	for (const one of made) chmodSync(one, mode);
	return made;
}

/** Removes folders where they are empty. */
export function removeEmpty(folders: readonly string[]): void {
	for (const folder of folders) {
		try {
			rmdirSync(folder);
		} catch {
			// Somebody has put something into it, or it is gone.
		}
	}
}

/** A path that is not there: this one, else with a number behind it. */
export function freeName(path: string): string {
	let name = path;
	for (let count = 2; isThere(name); count++) name = `${path}-${count}`;
	return name;
}

/** True where there is something, a broken link as well. */
export function isThere(path: string): boolean {
	return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Who owns a file or folder. */
export function ownerOf(path: string): Owner {
	const { uid, gid } = lstatSync(path);
	return `${uid}:${gid}`;
}
