// Memory of several processes as figures.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { type Aim, type Bench, type Figure, RUNS } from "./figure.ts";
import type { Memory } from "./proc.ts";

/** The same quantity of Aeon's processes, and of the floor's. */
export interface Both {
	aeon: readonly Memory[];
	floor?: readonly Memory[];
}

/** Resident memory alone. */
export function residentFigure(what: string, both: Both): Figure {
	return figureOf("resident", what, both);
}

/** Resident memory, which the aim is about, and what it consists of. */
export function memoryFigures(
	what: string,
	both: Both,
	more: { aim?: Aim; note?: string } = {},
): Figure[] {
	return [
		{ ...figureOf("resident", what, both), ...more },
		figureOf("proportional", "  proportional (Pss)", both),
		figureOf("anonymous", "  anonymous", both),
	];
}

function figureOf(
	part: keyof Memory,
	what: string,
	{ aeon, floor = [] }: Both,
): Figure {
	return {
		what,
		unit: "MB",
		values: aeon.map((one) => one[part]),
		...(floor.length > 0 && { floor: floor.map((one) => one[part]) }),
	};
}

/** Binaries of its own for each run: what several processes have of one file would be divided among them. */
export function ownFiles(bench: Bench): Bench[] {
	return Array.from({ length: RUNS }, (_, n) => {
		const aeon = join(bench.folder, `aeon-${n}`);
		const floor = join(bench.folder, `floor-${n}`);
		copyFileSync(bench.aeon, aeon);
		copyFileSync(bench.floor, floor);
		return { ...bench, aeon, floor };
	});
}

/** One after the other, so that each starts undisturbed. */
export async function inOrder<Found>(
	runs: readonly Bench[],
	work: (bench: Bench) => Promise<Found>,
): Promise<Found[]> {
	const found: Found[] = [];
	for (const bench of runs) found.push(await work(bench));
	return found;
}
