// What a bench finds: a quantity, measured several times, beside the floor's.

/** What is built once, and where. */
export interface Bench {
	/** Removed when all is measured. */
	folder: string;
	/** Aeon's binary. */
	aeon: string;
	/** The floor: an empty server of Bun's, built with the same flags (floor.ts). */
	floor: string;
	/** The URL of a fake model. */
	model: string;
}

/** A subject of the bench; one file each. */
export interface Subject {
	title: string;
	measure(bench: Bench): Promise<Figure[]>;
}

/** One quantity. */
export interface Figure {
	what: string;
	/** As `MB` (1,000,000 bytes), `ms`, `bytes`, `a second`. */
	unit: string;
	/** One value a run, at least five of them; a single one of what is the same every time. */
	values: readonly number[];
	/** The same quantity of the floor, measured in turns with Aeon's. */
	floor?: readonly number[];
	aim?: Aim;
	/** How it was measured, where that is not plain. */
	note?: string;
}

/** What the median may be at most, or has to be at least. */
export interface Aim {
	most?: number;
	least?: number;
	/** Where the bound comes from, as `1.3 × the floor`. */
	because?: string;
}

/** The fewest runs that a median is taken of. */
export const RUNS = 5;

export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;
	const upper = sorted[middle] ?? Number.NaN;
	if (sorted.length % 2 === 1) return upper;
	return (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** The value that this share of the values, as 0.95, does not exceed. */
export function percentile(values: readonly number[], share: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	const at = Math.ceil(sorted.length * share) - 1;
	return sorted[Math.max(0, at)] ?? Number.NaN;
}

/** Whether the median is within the aim; undefined where there is none. */
export function isMet({ values, aim }: Figure): boolean | undefined {
	if (!aim) return undefined;
	const found = median(values);
	const { most = Number.POSITIVE_INFINITY, least = Number.NEGATIVE_INFINITY } =
		aim;
	return found <= most && found >= least;
}

/** `RUNS` times, one after the other, Aeon's and the floor's in turns, so that what else the machine does meets both. */
export async function inTurns<Found>(
	aeon: () => Promise<Found>,
	floor: () => Promise<Found>,
): Promise<{ aeon: Found[]; floor: Found[] }> {
	const found: { aeon: Found[]; floor: Found[] } = { aeon: [], floor: [] };
	for (let run = 0; run < RUNS; run++) {
		found.aeon.push(await aeon());
		found.floor.push(await floor());
	}
	return found;
}
