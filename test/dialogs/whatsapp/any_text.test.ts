// The renderer under fire: whatever a model may write, WhatsApp shows it, and shows no style that was not meant.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { renderParts } from "../../../src/dialogs/whatsapp/markdown.ts";
import {
	anyText,
	FRAGMENTS,
	halves,
	NAUGHTY,
	PATHOLOGICAL,
} from "../markdown/any_markdown.ts";
import { compare } from "./both_dialogs.ts";
import { partsOf, readStrictly, textOf } from "./strict_marks.ts";

/** What WhatsApp would take for something, and what it stands beside. */
const STRAYS = [
	...["\\*", "\\_", "\\~", "\\`", "\\`\\`\\`", "\n\\> ", "\n\\- ", "\n\\* "],
	...["*", "**", "_", "~", "~~", "`", "``", "```", "\n", "\n\n", "> ", "\\"],
	...[
		"a",
		"b c",
		"é",
		"字",
		"1",
		" ",
		".",
		"(",
		")",
		'"',
		"\u200b",
		"👍🏽",
		"\n\n```\n",
	],
	...["https://x.yz/_a_ ", "[c](https://x.yz/~d~) ", "**d** ", "*e* ", "`f` "],
];
const strays = fc
	.array(fc.constantFrom(...STRAYS), { maxLength: 30 })
	.map((pieces) => pieces.join(""));
const mixture = fc
	.array(fc.constantFrom(...FRAGMENTS, ...STRAYS), { maxLength: 40 })
	.map((pieces) => pieces.join(""));

/** Always the same texts. */
const SEED = 5;

describe("whatever the model writes", () => {
	test("WhatsApp shows what Telegram shows, in no style that Telegram does not know of", () => {
		for (const text of [strays, mixture]) {
			fc.assert(
				fc.property(text, (each) => {
					// Where an address is in a table, one dialog shows a block of code and the other rows.
					fc.pre(!(/\|-/.test(each) && /https/.test(each)));
					compare(each);
				}),
				{ numRuns: 3000, seed: SEED },
			);
		}
	});

	test("no text at all leads to a part that WhatsApp refuses", () => {
		for (const text of [anyText, halves, mixture]) {
			fc.assert(
				fc.property(text, (each) => void partsOf(each)),
				{ numRuns: 1000, seed: SEED },
			);
		}
	});

	test("every style is shown on words that stand alone", () => {
		const word = fc.constantFrom(
			"one",
			"two",
			"snake_case",
			"2 * 3",
			"~5",
			"字",
		);
		const styled = fc.tuple(
			word,
			fc.constantFrom("", "**", "*", "~~", "`", "***"),
		);
		const line = fc
			.array(styled, { minLength: 1, maxLength: 12 })
			.map((words) =>
				words.map(([text, mark]) => mark + text + mark).join(" "),
			);
		fc.assert(
			fc.property(fc.array(line, { minLength: 1, maxLength: 9 }), (lines) => {
				for (const [whatsapp, telegram] of compare(lines.join("\n"))) {
					expect(whatsapp).toEqual(telegram);
				}
			}),
			{ numRuns: 1000, seed: SEED },
		);
	});

	test("parts of code add up to the code, but for the newlines between", () => {
		const line = fc.string({
			unit: fc.constantFrom("a", " ", "\t", "*", "_b_", "😀", "```", "字"),
			maxLength: 300,
		});
		fc.assert(
			fc.property(fc.array(line, { maxLength: 90 }), (lines) => {
				const code = `x${lines.join("\n")}\nx`;
				let at = 0;
				for (const part of partsOf(`~~~\n${code}\n~~~`)) {
					const shown = readStrictly(part);
					const text = textOf(shown);
					if (!code.startsWith(text, at)) at++;
					expect(code.slice(at, at + text.length)).toBe(text);
					expect(shown.every(({ styles }) => styles === "p")).toBe(true);
					at += text.length;
				}
				expect(at).toBe(code.length);
			}),
			{ numRuns: 200, seed: SEED },
		);
	});

	test.each(NAUGHTY)("%j is shown, short and long", (text) => {
		for (const each of [text, `${text}\n`.repeat(400), text.repeat(400)]) {
			compare(each);
		}
	});

	test.each([...PATHOLOGICAL, "\\*a", "\\`\\`\\`", "*a* ", "**a", "_ _a"])(
		"%j without end is rendered at once",
		(text) => {
			const long = text.repeat(200_000 / text.length);
			const begun = performance.now();
			const parts = renderParts(`a ${long} a)`);
			expect(performance.now() - begun).toBeLessThan(4000);
			for (const part of parts) readStrictly(part);
		},
	);
});
