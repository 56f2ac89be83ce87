// Builds the binaries: `bun scripts/cross-compile.ts [--out DIR] [--no-xz] [TARGET …]`, all targets where none is named.
// Each goes to dist/aeon-TARGET with a .xz beside it; dist/SHA256SUMS lists what lies there, and dist/VERSION.

import { createHash } from "node:crypto";
import {
	createReadStream,
	existsSync,
	mkdirSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { commit, compile, ROOT, run } from "./compile.ts";

/** The targets: the name in dist/, and what Bun calls it. */
const TARGETS: Record<string, string> = {
	"linux-arm64": "bun-linux-arm64",
	"linux-arm64-musl": "bun-linux-arm64-musl",
	"linux-x64": "bun-linux-x64",
	"darwin-arm64": "bun-darwin-arm64",
};

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
	for (const name of names) {
		const file = join(folder, `aeon-${name}`);
		await compile(join(ROOT, "src", "main.ts"), TARGETS[name] as string, file);
		// It would be of another version.
		rmSync(`${file}.xz`, { force: true });
		const made = [file, ...(values["no-xz"] ? [] : await compress(file))];
		for (const one of made) {
			const megabytes = (Bun.file(one).size / 1e6).toFixed(1);
			console.log(`${relative(process.cwd(), one)}  ${megabytes} MB`);
		}
	}
	writeFileSync(join(folder, "VERSION"), `${await builtVersion()}\n`);
	// With those of an earlier run, for other machines.
	const there = Object.keys(TARGETS)
		.flatMap((name) => [`aeon-${name}`, `aeon-${name}.xz`])
		.filter((name) => existsSync(join(folder, name)));
	const sums: string[] = [];
	for (const name of [...there, "VERSION"])
		sums.push(`${await sha256(join(folder, name))}  ${name}\n`);
	writeFileSync(join(folder, "SHA256SUMS"), sums.join(""));
}

/** What the binaries answer to `--version`. */
async function builtVersion(): Promise<string> {
	const { version } = await Bun.file(join(ROOT, "package.json")).json();
	return `${version} (${commit() || "no commit"})`;
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

async function sha256(file: string): Promise<string> {
	const hash = createHash("sha256");
	for await (const chunk of createReadStream(file)) hash.update(chunk);
	return hash.digest("hex");
}
