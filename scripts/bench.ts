// Figures of Aeon on this machine: `bun run bench [-- --only NAME,… --binary FILE --out FILE --check]`. Prints one table and
// writes docs/performance.md from it, where all is measured. Every figure is a median of five runs or more, beside the same of
// the floor: an empty server of Bun's, built with the same flags. With --check it ends with 1 where an aim is missed.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Bench, type Figure, isMet, RUNS } from "./bench/rig/figure.ts";
import { machineLines } from "./bench/rig/machine.ts";
import { endAll, startModel } from "./bench/rig/processes.ts";
import { notesOf, tableOf } from "./bench/rig/table.ts";
import { subjects } from "./bench/subjects.ts";
import { compile, ROOT } from "./compile.ts";

const SUBJECTS = new Map(Object.entries(subjects));

/** A thousand clients are a thousand open files, here and in the server. */
const MIN_FILES = 4096;

const INTRODUCTION = `# Performance

Made by \`bun run bench\`; measured, not promised. A figure is the median of at least five runs, beside the least and the most of
them; what is the same every time is measured once. The floor is an empty server on Bun (\`Bun.serve\`, an open \`bun:sqlite\`
database) compiled with the same flags, measured in the same run. It runs as Bun runs it: with the engine's compilers, which
Aeon switches off to hold less, and without unmapping what it does not use, which Aeon does. MB are 1,000,000 bytes.
`;

await main();

async function main(): Promise<void> {
	const { values } = parseArgs({
		options: {
			only: { type: "string", default: [...SUBJECTS.keys()].join() },
			/** A binary that is there already. */
			binary: { type: "string" },
			out: { type: "string" },
			check: { type: "boolean", default: false },
		},
	});
	const names = values.only.split(",");
	const unknown = names.filter((name) => !SUBJECTS.has(name));
	if (unknown.length > 0) {
		console.error(
			`There is no subject ${unknown.join(", ")}; subjects are ${[...SUBJECTS.keys()].join(", ")}.`,
		);
		process.exit(2);
	}
	checkFiles();
	const chosen = [...SUBJECTS].filter(([name]) => names.includes(name));
	const isWhole = chosen.length === SUBJECTS.size;
	const out =
		values.out ?? (isWhole ? join(ROOT, "docs", "performance.md") : undefined);
	const machine = machineLines(new Date());
	const sections: string[] = [];
	const missed: Figure[] = [];
	let isWell = true;
	await withBench(values.binary, async (bench) => {
		for (const [name, { title, measure }] of chosen) {
			console.error(`… ${name}`);
			try {
				const figures = await measure(bench);
				checkRuns(figures);
				sections.push(
					`## ${title}\n\n${tableOf(figures)}\n\n${notesOf(figures)}`.trimEnd(),
				);
				missed.push(...figures.filter((figure) => isMet(figure) === false));
			} catch (error) {
				// Half an hour of other figures is not lost for it.
				sections.push(`## ${title}\n\nFailed: ${error}`);
				isWell = false;
			}
			console.log(`\n${sections.at(-1)}`);
		}
	});
	const page = `${[INTRODUCTION.trimEnd(), machine.join("\n"), ...sections].join("\n\n")}\n`;
	if (out) writeFileSync(out, page);
	for (const { what } of missed) console.error(`Missed its aim: ${what}`);
	process.exit(!isWell || (values.check && missed.length > 0) ? 1 : 0);
}

/** Throws where a median would be one of too few. */
function checkRuns(figures: readonly Figure[]): void {
	for (const { what, values } of figures)
		if (values.length > 1 && values.length < RUNS)
			throw new Error(`${what}: measured only ${values.length} times`);
}

/** Builds what is measured, and leaves nothing of it behind. */
async function withBench(
	binary: string | undefined,
	work: (bench: Bench) => Promise<void>,
): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "aeon-bench-"));
	const target = `bun-linux-${process.arch}`;
	const aeon = binary ?? join(folder, "aeon");
	const floor = join(folder, "floor");
	const rig = join(import.meta.dir, "bench", "rig");
	try {
		if (!binary) await compile(join(ROOT, "src", "main.ts"), target, aeon);
		await compile(join(rig, "floor.ts"), target, floor);
		await work({ folder, aeon, floor, model: await startModel() });
	} finally {
		endAll();
		rmSync(folder, { recursive: true });
	}
}

function checkFiles(): void {
	const limits = readFileSync("/proc/self/limits", "utf8");
	const hard = Number(/^Max open files +\d+ +(\d+)/m.exec(limits)?.[1]);
	if (hard >= MIN_FILES) return;
	console.error(`Too few files may be open: ulimit -n ${MIN_FILES}`);
	process.exit(2);
}
