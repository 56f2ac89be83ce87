// A straight line through measured points, by least squares.

/** What a line rises by from one point to the next, and the standard error of that. */
export interface Slope {
	rise: number;
	error: number;
}

/** The line through values that are equally far apart. */
export function slopeOf(values: readonly number[]): Slope {
	const count = values.length;
	const middle = (count - 1) / 2;
	const mean = values.reduce((sum, value) => sum + value, 0) / count;
	let spread = 0;
	let together = 0;
	for (const [at, value] of values.entries()) {
		spread += (at - middle) ** 2;
		together += (at - middle) * (value - mean);
	}
	const rise = together / spread;
	const left = values.reduce(
		(sum, value, at) => sum + (value - mean - rise * (at - middle)) ** 2,
		0,
	);
	return { rise, error: Math.sqrt(left / (count - 2) / spread) };
}
