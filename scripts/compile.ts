// How a program becomes a binary: the flags that every one is built with, Aeon's and the bench's floor.

import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

/** The project's folder. */
export const ROOT = join(import.meta.dir, "..");

/** Builds `entry` for a target of Bun's, as `bun-linux-x64`, into one file. Throws with the compiler's words. */
export async function compile(
	entry: string,
	target: string,
	file: string,
): Promise<void> {
	// Bun leaves the source maps beside the binary, though they are in it, too.
	const folder = mkdtempSync(join(dirname(file), ".build-"));
	const built = join(folder, "built");
	await run([
		process.execPath,
		"build",
		"--compile",
		`--target=${target}`,
		// Bytecode and one chunk a lazy import: what a command does not use is neither parsed nor kept in memory.
		"--bytecode",
		"--format=esm",
		"--minify",
		"--splitting",
		"--sourcemap=linked",
		'--define=process.env.NODE_ENV="production"',
		`--define=AEON_COMMIT="${commit() || "no commit"}"`,
		// What lies in the folder that the program is started in has no effect on it.
		"--no-compile-autoload-bunfig",
		"--no-compile-autoload-dotenv",
		"--no-compile-autoload-tsconfig",
		"--no-compile-autoload-package-json",
		`--outfile=${built}`,
		entry,
	]);
	renameSync(built, file);
	rmSync(folder, { recursive: true });
}

/** The commit that is checked out; empty where there is none. */
export function commit(): string {
	const git = Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"], {
		cwd: ROOT,
	});
	return git.success ? git.stdout.toString().trim() : "";
}

/** Runs a command in the project's folder; throws with what it said where it fails. */
export async function run(command: string[]): Promise<void> {
	const child = Bun.spawn(command, {
		cwd: ROOT,
		stdout: "ignore",
		stderr: "pipe",
	});
	const [code, errors] = await Promise.all([child.exited, child.stderr.text()]);
	if (code === 0) return;
	console.error(errors);
	throw new Error(`${command.slice(0, 2).join(" ")} ended with ${code}`);
}
