// Memory of several processes as figures.

import type { Aim, Bench, Figure } from "./figure.ts";
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

/** One after the other, so that each starts undisturbed. */
export async function inOrder<Found>(
	runs: readonly Bench[],
	work: (bench: Bench) => Promise<Found>,
): Promise<Found[]> {
	const found: Found[] = [];
	for (const bench of runs) found.push(await work(bench));
	return found;
}
