// A real disk of 1 MB to fill up: a tmpfs, which only root can mount.

import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** False where this user may not mount; tests that need a small disk are skipped then. */
export const canMount = tryToMount();

/** Runs a test in the folder of an empty disk of 1 MB. */
export async function onSmallDisk(
	work: (folder: string) => Promise<void>,
): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "aeon-disk-"));
	run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder);
	try {
		await work(folder);
	} finally {
		run("umount", "-l", folder);
		rmdirSync(folder);
	}
}

/** Makes the disk read-only, or writable again. Every file on it must be closed. */
export function remount(folder: string, mode: "ro" | "rw"): void {
	run("mount", "-o", `remount,${mode}`, folder);
}

/** Makes a full disk one of 64 MB. */
export function grow(folder: string): void {
	run("mount", "-o", "remount,size=64m", folder);
}

function run(...command: string[]): void {
	const { success, stderr } = Bun.spawnSync(command);
	if (!success) throw new Error(`${command.join(" ")}: ${stderr}`);
}

function tryToMount(): boolean {
	if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
	const folder = mkdtempSync(join(tmpdir(), "aeon-disk-"));
	try {
		run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder);
		run("umount", folder);
		return true;
	} catch {
		return false;
	} finally {
		rmdirSync(folder);
	}
}
