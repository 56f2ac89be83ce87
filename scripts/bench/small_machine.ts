// What Aeon takes in whole machines of 512 and 128 MB, which are emulated: scripts/vm-test.ts.

import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile, ROOT } from "../compile.ts";
import type { Figures } from "../vm/figures.ts";
import { type Bench, type Figure, RUNS, type Subject } from "./rig/figure.ts";

const SIZES = [512, 128];

/** Debian's packages, which the tests keep here, too. */
const PACKAGES =
	process.env.AEON_VM_PACKAGES ?? join(tmpdir(), "aeon-ci-vm-packages");

export const smallMachine: Subject = {
	title: "A small machine, emulated (QEMU, cortex-a53)",
	async measure(bench) {
		const binary = join(bench.folder, "aeon-linux-arm64");
		const source = join(ROOT, "src", "main.ts");
		await compile(source, "bun-linux-arm64", binary);
		const figures: Figure[] = [];
		for (const megabytes of SIZES) {
			const runs: Figures[] = [];
			for (let run = 0; run < RUNS; run++)
				runs.push(await boot(bench, binary, megabytes));
			figures.push(...rowsOf(`${megabytes} MB`, runs));
		}
		return figures;
	},
};

async function boot(
	{ folder }: Bench,
	binary: string,
	megabytes: number,
): Promise<Figures> {
	const child = Bun.spawn(
		[
			process.execPath,
			join(ROOT, "scripts", "vm-test.ts"),
			...["--memory", String(megabytes)],
			...["--binary", binary],
			...["--packages", PACKAGES],
			"--json",
		],
		{ cwd: folder, stdout: "pipe", stderr: "pipe" },
	);
	const [out, err, code] = await Promise.all([
		child.stdout.text(),
		child.stderr.text(),
		child.exited,
	]);
	if (code !== 0) throw new Error(err);
	return JSON.parse(out.trim().split("\n").at(-1) ?? "");
}

function rowsOf(machine: string, runs: readonly Figures[]): Figure[] {
	const row = (
		what: string,
		unit: string,
		of: (figures: Figures) => number,
		note?: string,
	): Figure => ({ what, unit, values: runs.map(of), ...(note && { note }) });
	return [
		row(
			`${machine}: MemTotal`,
			"MB",
			({ memTotal }) => memTotal,
			"the arm64 binary under Debian's kernel, with busybox and libc and nothing else; the demo answers.",
		),
		row(
			"  MemAvailable before the start",
			"MB",
			({ availableBefore }) => availableBefore,
		),
		row(
			"  MemAvailable after 10 s at rest",
			"MB",
			({ memory }) => memory.rested.available,
		),
		row(
			"  resident after 10 s at rest",
			"MB",
			({ memory }) => memory.rested.resident,
		),
		row(
			"    proportional (Pss)",
			"MB",
			({ memory }) => memory.rested.proportional,
		),
		row("    anonymous", "MB", ({ memory }) => memory.rested.anonymous),
		row(
			"  resident after 100 turns, at once",
			"MB",
			({ memory }) => memory.used.resident,
		),
		row("    anonymous", "MB", ({ memory }) => memory.used.anonymous),
		row(
			"  user space → /health",
			"emulated s",
			({ userSpaceToHealth }) => userSpaceToHealth,
			"seconds of an emulated processor (QEMU's TCG), which are none of a board's.",
		),
		row(
			"  start → /health, nothing of it in the file cache",
			"emulated s",
			({ coldStart }) => coldStart,
		),
		row(
			"  start → /health, after kill -9",
			"emulated s",
			({ warmStart }) => warmStart,
		),
	];
}
