// Releases for `aeon update`: binaries of other versions, made of a copy of the source, and what breaks on purpose.

import {
	chmodSync,
	copyFileSync,
	cpSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "aeon-releases-"));
const built = new Map<string, string>();

process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** The file that is for this machine. */
export const TARGET = `aeon-linux-${process.arch}`;

/**
 * A binary whose version ends with `(commit)`, and whose sessions have one step of their schema more, which is this SQL.
 * Built once a test run.
 */
export function nextVersion(commit: string, step: string): string {
	const known = built.get(commit);
	if (known) return known;
	const source = join(folder, `source-${commit}`);
	mkdirSync(source);
	cpSync(join(ROOT, "src"), join(source, "src"), { recursive: true });
	copyFileSync(join(ROOT, "package.json"), join(source, "package.json"));
	symlinkSync(join(ROOT, "node_modules"), join(source, "node_modules"));
	const schema = join(source, "src", "storage", "migrations.ts");
	const text = readFileSync(schema, "utf8");
	const changed = text.replace(/^\];$/m, `${JSON.stringify(step)},\n];`);
	if (changed === text) throw new Error("the schema has no end");
	writeFileSync(schema, changed);
	const file = join(folder, `aeon-${commit}`);
	const flags = [
		...["--bytecode", "--format=esm", "--minify", "--splitting"],
		'--define=process.env.NODE_ENV="production"',
		`--define=AEON_COMMIT="${commit}"`,
		"--no-compile-autoload-bunfig",
		"--no-compile-autoload-dotenv",
		`--outfile=${file}`,
	];
	const { success, stderr } = Bun.spawnSync(
		[process.execPath, "build", "--compile", ...flags, "src/main.ts"],
		{ cwd: source },
	);
	if (!success) throw new Error(stderr.toString());
	rmSync(source, { recursive: true });
	built.set(commit, file);
	return file;
}

/** Puts a file into a folder as a release of it alone, with its SHA256SUMS. */
export function release(directory: string, file: string): void {
	mkdirSync(directory, { recursive: true });
	copyFileSync(file, join(directory, TARGET));
	sign(directory);
}

/** A release whose program is a script of sh(1): `real` is the path of a binary in it. */
export function scripted(
	directory: string,
	real: string,
	script: string,
): void {
	mkdirSync(directory, { recursive: true });
	const path = join(directory, TARGET);
	writeFileSync(
		path,
		`#!/bin/sh\nreal='${real}'\n${script}\nexec "$real" "$@"\n`,
	);
	chmodSync(path, 0o755);
	sign(directory);
}

/** Writes SHA256SUMS for what is there. */
export function sign(directory: string): void {
	const bytes = readFileSync(join(directory, TARGET));
	const sum = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
	writeFileSync(join(directory, "SHA256SUMS"), `${sum}  ${TARGET}\n`);
}
