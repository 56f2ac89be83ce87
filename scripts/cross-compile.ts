// Builds the binaries: `bun scripts/cross-compile.ts [--out DIR] [--no-xz] [TARGET …]`, all targets where none is named.
// Each goes to dist/aeon-TARGET with a .xz beside it; dist/SHA256SUMS lists what was built.

import { createHash } from "node:crypto";
import {
	createReadStream,
	mkdirSync,
	mkdtempSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";

/** The targets: the name in dist/, and what Bun calls it. */
const TARGETS: Record<string, string> = {
	"linux-arm64": "bun-linux-arm64",
	"linux-arm64-musl": "bun-linux-arm64-musl",
	"linux-x64": "bun-linux-x64",
	"darwin-arm64": "bun-darwin-arm64",
};

const ROOT = join(import.meta.dir, "..");

await main();

async function main(): Promise<void> {
	const { values, positionals } = parseArgs({
		options: { out: { type: "string" }, "no-xz": { type: "boolean" } },
		allowPositionals: true,
	});
	const unknown = positionals.filter((name) => !Object.hasOwn(TARGETS, name));
	if (unknown.length > 0) {
		console.error(
			`There is no target ${unknown.join(", ")}; targets are ${Object.keys(TARGETS).join(", ")}.`,
		);
		process.exit(2);
	}
	const folder = resolve(values.out ?? join(ROOT, "dist"));
	mkdirSync(folder, { recursive: true });
	const names = positionals.length > 0 ? positionals : Object.keys(TARGETS);
	const sums: string[] = [];
	for (const name of names) {
		const file = join(folder, `aeon-${name}`);
		await build(TARGETS[name] as string, file);
		const made = [file, ...(values["no-xz"] ? [] : await compress(file))];
		for (const one of made) {
			sums.push(`${await sha256(one)}  ${basename(one)}`);
			const megabytes = (Bun.file(one).size / 1e6).toFixed(1);
			console.log(`${relative(process.cwd(), one)}  ${megabytes} MB`);
		}
	}
	writeFileSync(join(folder, "SHA256SUMS"), `${sums.join("\n")}\n`);
}

async function build(target: string, file: string): Promise<void> {
	// Bun leaves the source maps beside the binary, though they are in it, too.
	const folder = mkdtempSync(join(dirname(file), ".build-"));
	const built = join(folder, "aeon");
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
		`--define=AEON_COMMIT="${await commit()}"`,
		// What lies in the folder that Aeon is started in has no effect on it.
		"--no-compile-autoload-bunfig",
		"--no-compile-autoload-dotenv",
		"--no-compile-autoload-tsconfig",
		"--no-compile-autoload-package-json",
		`--outfile=${built}`,
		join(ROOT, "src", "main.ts"),
	]);
	renameSync(built, file);
	rmSync(folder, { recursive: true });
}

/** The compressed file, where xz is installed. */
async function compress(file: string): Promise<string[]> {
	if (!Bun.which("xz")) {
		console.warn(`xz is not installed: no ${file}.xz`);
		return [];
	}
	await run(["xz", "--keep", "--force", "--threads=0", file]);
	return [`${file}.xz`];
}

async function commit(): Promise<string> {
	const git = Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"], {
		cwd: ROOT,
	});
	return git.success ? git.stdout.toString().trim() : "no commit";
}

async function sha256(file: string): Promise<string> {
	const hash = createHash("sha256");
	for await (const chunk of createReadStream(file)) hash.update(chunk);
	return hash.digest("hex");
}

async function run(command: string[]): Promise<void> {
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
