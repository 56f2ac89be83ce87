import { expect, test } from "bun:test";
import { fuse } from "../../src/memory/fusion.ts";
import {
	centerOf,
	cosineTo,
	distances,
	fromBytes,
	normalised,
	signatureOf,
	toBytes,
} from "../../src/memory/vector.ts";
import { randomFrom } from "../support/random.ts";

const vectorOf = (...numbers: number[]) =>
	normalised(numbers) ?? new Float32Array();

test("a vector has length 1, and is kept little-endian", () => {
	const vector = vectorOf(3, 0, -4);
	expect([...vector]).toEqual([...Float32Array.of(0.6, 0, -0.8)]);
	const bytes = toBytes(vector);
	expect(Buffer.from(bytes).readFloatLE(8)).toBeCloseTo(-0.8);
	expect([...fromBytes(bytes)]).toEqual([...vector]);
	for (const wrong of [[0, 0], [], [1, Number.NaN], [1, null], ["1"], [1e200]])
		expect(normalised(wrong)).toBeUndefined();
});

test("the cosine of two vectors is 1 where they point the same way, 0 across and -1 against each other", () => {
	const cosine = cosineTo(vectorOf(1, 1));
	expect(cosine(toBytes(vectorOf(1, 1)))).toBeCloseTo(1);
	expect(cosine(toBytes(vectorOf(1, 0)))).toBeCloseTo(Math.SQRT1_2);
	expect(cosine(toBytes(vectorOf(-1, 1)))).toBeCloseTo(0);
	expect(cosine(toBytes(vectorOf(-2, -2)))).toBeCloseTo(-1);
});

for (const dimensions of [1, 127, 128, 384, 1000])
	test(`signatures of ${dimensions} numbers differ by as many bits as numbers lie on another side`, () => {
		const random = randomFrom(dimensions);
		const any = () =>
			vectorOf(...Array.from({ length: dimensions }, () => random() - 0.4));
		const vectors = Array.from({ length: 20 }, any);
		const query = any();
		for (const center of [undefined, centerOf(vectors)]) {
			const side = (vector: Float32Array, at: number) =>
				(vector[at] ?? 0) > (center?.[at] ?? 0);
			const signatures = vectors.map((vector) => signatureOf(vector, center));
			const each = signatures[0]?.length ?? 0;
			expect(each % 8).toBe(0);
			const words = new Uint16Array(each * vectors.length);
			for (const [at, one] of signatures.entries()) words.set(one, at * each);
			const found = distances(signatureOf(query, center), words, 3, 17);
			expect([...found]).toEqual(
				vectors
					.slice(3)
					.map(
						(vector) =>
							[...vector.keys()].filter(
								(at) => side(vector, at) !== side(query, at),
							).length,
					),
			);
		}
	});

test("what is far ahead in two orders comes before what is first in one", () => {
	expect(
		fuse([
			[1, 2, 3],
			[4, 2, 5],
		]),
	).toEqual([2, 1, 4, 3, 5]);
	expect(fuse([[], [7, 8]])).toEqual([7, 8]);
	expect(fuse([])).toEqual([]);
});
