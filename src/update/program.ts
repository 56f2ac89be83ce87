// The program's file: the new one brought beside it, the old one kept, one put in the other's place.

import {
	copyFileSync,
	existsSync,
	linkSync,
	readdirSync,
	renameSync,
	rmSync,
	statfsSync,
	statSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AeonError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import { syncContent, syncFolder } from "../core/sync.ts";
import type { Release } from "./release.ts";
import { commandLine } from "./running.ts";

/** No program of Aeon's is as large, and so much is written in vain at most. */
const MAX_SIZE = 500_000_000;

/** What stays free on the disk. */
const RESERVE = 20_000_000;

const PIECE_SIZE = 1024 * 1024;

/** A new program beside the old one, by the process that brings it. */
const NEW = /^\.aeon\.(?:new|prev)-(\d+)$/;

/** Where a new program lies until it is in its place. */
export function newProgram(binary: string): string {
	return join(dirname(binary), `.aeon.new-${process.pid}`);
}

/** Where the program that was replaced last is kept. */
export function previousProgram(binary: string): string {
	return join(dirname(binary), "aeon.prev");
}

/** Removes what updates that were killed have left beside a program. */
export function sweep(binary: string): void {
	const folder = dirname(binary);
	for (const name of readdirSync(folder)) {
		const pid = NEW.exec(name)?.[1];
		if (pid !== undefined && !isUpdater(Number(pid)))
			rmSync(join(folder, name), { force: true });
	}
}

/** True where a process of this number updates something: after a power cut the number may be of anything. */
function isUpdater(pid: number): boolean {
	return commandLine(pid).includes("update");
}

/** The SHA-256 of a file, in hexadecimal. */
export async function sumOf(path: string): Promise<string> {
	await using file = await open(path, "r");
	const hash = platform.startSha256();
	// By one large buffer: of small pieces a Pi has thousands to take.
	const buffer = new Uint8Array(PIECE_SIZE);
	for (;;) {
		const { bytesRead } = await file.read(buffer);
		if (bytesRead === 0) return hash.digest();
		hash.update(buffer.subarray(0, bytesRead));
	}
}

/**
 * Brings the file of a release beside the program it is to replace, with the same owner and rights, and puts it on the disk;
 * `told` hears how many bytes are there, of how many. Throws
 * `storage_failed` where it is not what its release says, or where there is no room for it, and then leaves nothing.
 */
export async function bring(
	release: Release,
	target: string,
	binary: string,
	told: (done: number, size: number | undefined) => void,
): Promise<void> {
	try {
		const { size, pieces } = await release.open();
		if ((size ?? 0) > MAX_SIZE) throw tooLarge(release);
		requireRoom(dirname(target), size ?? 0);
		const hash = platform.startSha256();
		let done = 0;
		{
			await using file = await open(target, "wx", 0o700);
			for await (const piece of pieces) {
				hash.update(piece);
				await file.writeFile(piece);
				done += piece.length;
				if (done > MAX_SIZE) throw tooLarge(release);
				told(done, size);
			}
			await file.sync();
			// By the open file: under its name there might be another one by now.
			await giveRights(file, binary);
		}
		if (hash.digest() !== release.sum)
			throw new AeonError(
				"storage_failed",
				`${release.place} is not the file that its SHA256SUMS is about: the checksum is wrong`,
				{ hint: "It may have been cut off or changed on its way. Try again." },
			);
	} catch (error) {
		rmSync(target, { force: true });
		throw error;
	}
}

/** Keeps a program under a second name. There is one under that name at every moment, if there was one before. */
export async function keepPrevious(
	binary: string,
	previous: string,
): Promise<void> {
	const folder = dirname(binary);
	const kept = join(folder, `.aeon.prev-${process.pid}`);
	try {
		try {
			linkSync(binary, kept);
		} catch {
			copyFileSync(binary, kept);
			await syncContent(kept);
		}
		renameSync(kept, previous);
	} finally {
		// Where both are the same file already, renaming does nothing (rename(2)).
		rmSync(kept, { force: true });
	}
	await syncFolder(folder);
}

/** Puts a program in the place of another one. */
export async function putInPlace(path: string, binary: string): Promise<void> {
	renameSync(path, binary);
	await syncFolder(dirname(binary));
}

/** Puts the program that was replaced back; does nothing where that is done. */
export async function putBack(binary: string, previous: string) {
	if (existsSync(previous)) await putInPlace(previous, binary);
}

/** Never those to act as somebody else, which were given to the old program. */
async function giveRights(file: FileHandle, binary: string): Promise<void> {
	const old = statSync(binary, { throwIfNoEntry: false });
	const { uid, gid } = await file.stat();
	if (old && (old.uid !== uid || old.gid !== gid))
		// Only root may give it away.
		await file.chown(old.uid, old.gid).catch(() => {});
	await file.chmod(old ? old.mode & 0o777 : 0o755);
}

function requireRoom(folder: string, bytes: number): void {
	const { bavail, bsize } = statfsSync(folder);
	if (bavail * bsize >= bytes + RESERVE) return;
	const inMegabytes = (size: number) => `${Math.ceil(size / 1_000_000)} MB`;
	throw new AeonError(
		"storage_failed",
		`There is not enough room in ${folder}: ${inMegabytes(bytes + RESERVE)} are needed, and ${inMegabytes(bavail * bsize)} are left`,
		{ hint: "Free some space there, and try again." },
	);
}

function tooLarge({ place }: Release): AeonError {
	return new AeonError("too_large", `${place} is too large to be Aeon`);
}
