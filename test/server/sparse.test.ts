import { expect, test } from "bun:test";
import { Sparse } from "../../src/server/sparse.ts";

test("what comes often is told the first, second, fourth time and so on, each address for itself", () => {
	const sparse = new Sparse();
	const told = Array.from({ length: 20 }, () => sparse.count("a"));
	expect(told.filter((count) => count !== undefined)).toEqual([1, 2, 4, 8, 16]);
	expect(sparse.count("b")).toBe(1);
});

test("after ten minutes it is told again", () => {
	let now = 0;
	const sparse = new Sparse(() => now);
	for (let n = 0; n < 3; n++) sparse.count("a");
	now = 10 * 60_000;
	expect(sparse.count("a")).toBe(1);
});
