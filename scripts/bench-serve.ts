// Figures of `aeon serve` on this machine: `bun run bench:serve [-- --idle SECONDS --only NAME,…]`. Prints one table; judges
// nothing. The floor is the least that a server in Bun can be, compiled alike: scripts/bench/floor.ts.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connectionsRows, fanOutRows } from "./bench/crowd.ts";
import { latencyRows, loadRows } from "./bench/load.ts";
import { longRows } from "./bench/long.ts";
import { type Built, endAll, startModel } from "./bench/processes.ts";
import { idleRows, memoryRows, smallRows, startRows } from "./bench/rest.ts";
import type { Row } from "./bench/row.ts";

const ROOT = join(import.meta.dir, "..");
const MIN_FILES = 4096;

/** The sections by their names, in the order of the table. */
const SECTIONS: Record<
	string,
	(built: Built, idleSeconds: number) => Promise<Row[]>
> = {
	start: startRows,
	memory: memoryRows,
	load: loadRows,
	clients: connectionsRows,
	latency: latencyRows,
	"fan-out": fanOutRows,
	small: smallRows,
	idle: idleRows,
	long: longRows,
};

await main();

async function main(): Promise<void> {
	const { values } = parseArgs({
		options: {
			idle: { type: "string", default: "60" },
			only: { type: "string", default: Object.keys(SECTIONS).join() },
			/** A binary that is there already. */
			binary: { type: "string" },
		},
	});
	checkFiles();
	const folder = mkdtempSync(join(tmpdir(), "aeon-bench-"));
	const model = await startModel();
	try {
		const built = build(folder, model, values.binary);
		const rows: Row[] = [];
		for (const name of values.only.split(",")) {
			const section = Object.hasOwn(SECTIONS, name) && SECTIONS[name];
			if (!section)
				throw new Error(`sections are ${Object.keys(SECTIONS).join(", ")}`);
			console.error(`… ${name}`);
			rows.push(...(await section(built, Number(values.idle))));
		}
		print([["", "aeon serve", "the floor", "aim"], ...rows]);
	} finally {
		endAll();
		rmSync(folder, { recursive: true });
	}
}

/** A thousand clients are a thousand open files, here and in the server. */
function checkFiles(): void {
	const limits = readFileSync("/proc/self/limits", "utf8");
	const hard = Number(/^Max open files +\d+ +(\d+)/m.exec(limits)?.[1]);
	if (hard >= MIN_FILES) return;
	console.error(`Too few files may be open: ulimit -n ${MIN_FILES}`);
	process.exit(2);
}

function build(folder: string, model: string, binary?: string): Built {
	const floor = join(folder, "floor");
	if (!binary)
		run(["scripts/cross-compile.ts", "--out", folder, "--no-xz", "linux-x64"]);
	run([
		"build",
		"--compile",
		"--bytecode",
		"--format=esm",
		"--minify",
		`--outfile=${floor}`,
		"scripts/bench/floor.ts",
	]);
	return {
		folder,
		aeon: binary ?? join(folder, "aeon-linux-x64"),
		floor,
		model,
	};
}

function run(command: string[]): void {
	const { success, stderr } = Bun.spawnSync([process.execPath, ...command], {
		cwd: ROOT,
	});
	if (!success) throw new Error(stderr.toString());
}

function print(rows: Row[]): void {
	const widths = [0, 1, 2].map((column) =>
		Math.max(...rows.map((row) => (row[column] ?? "").length)),
	);
	for (const row of rows) {
		const cells = [0, 1, 2, 3].map((column) =>
			(row[column] ?? "").padEnd(widths[column] ?? 0),
		);
		console.log(cells.join("  ").trimEnd());
	}
}
