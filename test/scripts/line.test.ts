import { expect, test } from "bun:test";
import { slopeOf } from "../../scripts/bench/rig/line.ts";

test("a line through points that lie on one rises as they do, without an error", () => {
	const { rise, error } = slopeOf([3, 5, 7, 9, 11]);
	expect(rise).toBeCloseTo(2, 12);
	expect(error).toBeCloseTo(0, 12);
});

test("points that lie beside their line give its slope an error (worked out by hand)", () => {
	// Mean 2, rise (-1.5 * -1 + -0.5 * 1 + 0.5 * -1 + 1.5 * 1) / 5; what is left over is 3.2, in two degrees of freedom.
	const { rise, error } = slopeOf([1, 3, 1, 3]);
	expect(rise).toBeCloseTo(0.4, 12);
	expect(error).toBeCloseTo(Math.sqrt(3.2 / 2 / 5), 12);
});
