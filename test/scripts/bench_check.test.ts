// The bench judges what the start loads: a binary that loads twice as much does not pass.

import { expect, test } from "bun:test";
import {
	appendFileSync,
	cpSync,
	readdirSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { compile, ROOT } from "../../scripts/compile.ts";
import { binary } from "../support/binary.ts";
import { temporaryFolder } from "../support/home.ts";

/** Judges what a binary loads at its start. */
async function check(file: string) {
	const bench = Bun.spawn(
		[
			process.execPath,
			join(ROOT, "scripts", "bench.ts"),
			...["--only", "loaded", "--check", "--binary", file],
		],
		{ stdout: "pipe", stderr: "pipe" },
	);
	const [code, table, err] = await Promise.all([
		bench.exited,
		bench.stdout.text(),
		bench.stderr.text(),
	]);
	const missed = [...err.matchAll(/^Missed its aim: (.+)$/gm)].map(
		(match) => match[1]?.trim() ?? "",
	);
	if (code !== 0 && missed.length === 0) throw new Error(err);
	const kilobytes = /code loaded when it is ready *\| ([\d,]+) kB/.exec(table);
	return {
		code,
		missed,
		kilobytes: Number(kilobytes?.[1]?.replaceAll(",", "")),
	};
}

/** A binary of this source that loads a second copy of all its modules, too, before it listens. */
async function compileTwin(folder: string): Promise<string> {
	const src = join(folder, "src");
	const twin = join(folder, "twin");
	for (const copy of [src, twin])
		cpSync(join(ROOT, "src"), copy, { recursive: true });
	cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
	symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
	const names = readdirSync(twin, { recursive: true, encoding: "utf8" }).filter(
		(name) => name.endsWith(".ts"),
	);
	const imports = names.map(
		(name, n) => `import * as m${n} from "../twin/${name}";`,
	);
	// What nobody uses would be left out of the binary.
	const use = `Object.assign(globalThis, { twin: [${names.map((_, n) => `m${n}`)}] });`;
	writeFileSync(join(src, "twin.ts"), [...imports, use, ""].join("\n"));
	appendFileSync(join(src, "app_serve.ts"), 'import "./twin.ts";\n');
	const file = join(folder, "aeon");
	await compile(join(src, "main.ts"), `bun-linux-${process.arch}`, file);
	return file;
}

test("a start that loads twice as much turns the bench's check red, which today's does not", async () => {
	const today = await check(
		await binary(process.arch === "arm64" ? "linux-arm64" : "linux-x64"),
	);
	expect(today.missed).toEqual([]);
	expect(today.code).toBe(0);

	using folder = temporaryFolder();
	const doubled = await check(await compileTwin(folder.path));
	expect(doubled.kilobytes).toBeGreaterThanOrEqual(2 * today.kilobytes);
	expect(doubled.missed).toContain("code loaded when it is ready");
	expect(doubled.code).toBe(1);
}, 120_000);
