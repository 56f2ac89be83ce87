import { expect, test } from "bun:test";
import fc from "fast-check";
import { Capture } from "../../src/tools/capture.ts";
import { wholeCharacters } from "../../src/tools/utf8.ts";

function capture(maxBytes: number, pieces: string[]): string {
	const kept = new Capture(maxBytes);
	for (const piece of pieces) kept.add(Buffer.from(piece));
	return kept.text();
}

test("what fits is kept whole, to the last byte", () => {
	expect(capture(10, ["0123456789"])).toBe("0123456789");
	expect(capture(10, ["01234", "", "567", "89"])).toBe("0123456789");
	expect(capture(10, [])).toBe("");
});

test("of what does not fit the middle is left out, and counted", () => {
	expect(capture(10, ["01234_____abcde"])).toBe(
		"01234\n[… 5 bytes left out …]\nabcde",
	);
	expect(capture(10, [..."01234_____abcde"])).toBe(
		"01234\n[… 5 bytes left out …]\nabcde",
	);
	expect(capture(10, ["0123456789x"])).toBe(
		"01234\n[… 1 bytes left out …]\n6789x",
	);
});

test("the cuts go between characters", () => {
	expect(capture(10, ["ab🦉🦉🦉cd"])).toBe("ab\n[… 12 bytes left out …]\ncd");
});

test("however a text comes in pieces, head, tail and count agree with the whole", () => {
	fc.assert(
		fc.property(
			fc.array(fc.string({ unit: "binary", maxLength: 12 })),
			fc.integer({ min: 8, max: 40 }),
			(pieces, max) => {
				const whole = Buffer.from(pieces.join(""));
				const text = capture(
					max,
					pieces.map((piece) => piece.toWellFormed()),
				);
				if (whole.length <= max) return expect(text).toBe(whole.toString());
				const [, head = "", count, tail = ""] =
					/^(.*)\n\[… (\d+) bytes left out …\]\n(.*)$/s.exec(text) ?? [];
				expect(whole.subarray(0, Buffer.byteLength(head)).toString()).toBe(
					head,
				);
				expect(
					whole.subarray(whole.length - Buffer.byteLength(tail)).toString(),
				).toBe(tail);
				expect(
					Buffer.byteLength(head) + Number(count) + Buffer.byteLength(tail),
				).toBe(whole.length);
				expect(
					Buffer.byteLength(head) + Buffer.byteLength(tail),
				).toBeGreaterThan(max - 8);
			},
		),
		{ numRuns: 1000 },
	);
});

test("bytes that are no text count as they are", () => {
	const kept = new Capture(4);
	kept.add(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff, 0x61, 0x62]));
	expect(kept.text()).toBe("\ufffd\n[… 4 bytes left out …]\nab");
});

test("a character that the end cuts is left to the next piece", () => {
	for (const character of ["é", "€", "🦉"]) {
		const bytes = Buffer.from(`a${character}`);
		const whole = [...bytes.keys(), bytes.length].map(
			(end) => wholeCharacters(bytes.subarray(0, end)).length,
		);
		const cut = Array(bytes.length - 1).fill(1);
		expect(whole).toEqual([0, ...cut, bytes.length]);
	}
	expect(wholeCharacters(Buffer.alloc(5, 0x80)).length).toBe(5);
});
