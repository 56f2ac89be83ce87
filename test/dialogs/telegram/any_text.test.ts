// The renderer under fire: whatever a model may write, Telegram takes it and nothing is lost.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { plainText } from "../../../src/dialogs/telegram/html.ts";
import { renderParts } from "../../../src/dialogs/telegram/markdown.ts";
import {
	anyText,
	FAMILY,
	halves,
	markdown,
	NAUGHTY,
	PATHOLOGICAL,
} from "../markdown/any_markdown.ts";
import { partsOf, readStrictly } from "./strict_html.ts";

function withoutBlanks(text: string): string {
	return text.replace(/\s/g, "");
}

describe("whatever the model writes", () => {
	test("every part is one that Telegram takes, and no letter is lost", () => {
		fc.assert(
			fc.property(markdown, (text) => {
				const shown = partsOf(text).map(plainText).join("");
				const letters = (all: string) => all.match(/\p{Script=Gothic}/gu);
				expect(letters(shown)).toEqual(letters(text));
			}),
			{ numRuns: 1500 },
		);
	});

	test("no text at all leads to a part that Telegram refuses", () => {
		for (const text of [anyText, halves]) {
			fc.assert(
				fc.property(text, (each) => void partsOf(each)),
				{ numRuns: 1000 },
			);
		}
	});

	test("text without marks is shown as it is", () => {
		const word = fc.string({
			unit: fc.constantFrom("a", "ö", "ש", "字", "😀", FAMILY, "1\u0301", "."),
			minLength: 1,
			maxLength: 900,
		});
		const words = fc.array(word, { minLength: 1, maxLength: 40 });
		fc.assert(
			fc.property(words, fc.constantFrom(" ", "\n", "\n\n"), (all, gap) => {
				const text = `a${all.join(gap)}`;
				const parts = partsOf(text).map(plainText);
				expect(withoutBlanks(parts.join(""))).toBe(withoutBlanks(text));
				if (text.length <= 4000) expect(parts).toEqual([text]);
			}),
			{ numRuns: 200 },
		);
	});

	test("parts of code add up to the code, but for the newlines between", () => {
		const line = fc.string({
			unit: fc.constantFrom("a", " ", "<", "&", "😀", "```", "字"),
			maxLength: 300,
		});
		fc.assert(
			fc.property(fc.array(line, { maxLength: 90 }), (lines) => {
				const code = `x${lines.join("\n")}\nx`;
				const parts = partsOf(`~~~\n${code}\n~~~`);
				let at = 0;
				for (const part of parts) {
					const shown = plainText(part);
					if (!code.startsWith(shown, at)) at++;
					expect(code.slice(at, at + shown.length)).toBe(shown);
					expect(part).toBe(`<pre>${part.slice(5, -6)}</pre>`);
					at += shown.length;
				}
				expect(at).toBe(code.length);
			}),
			{ numRuns: 200 },
		);
	});

	test("every beginning of a text, as a stream brings it, gives parts", () => {
		fc.assert(
			fc.property(markdown, (text) => {
				const step = Math.ceil(text.length / 50) || 1;
				for (let end = 0; end < text.length; end += step) {
					partsOf(text.slice(0, end));
				}
			}),
			{ numRuns: 60 },
		);
	});

	test.each(NAUGHTY)("%j is shown, short and long", (text) => {
		for (const each of [text, `${text}\n`.repeat(400), text.repeat(400)]) {
			partsOf(each);
		}
	});

	test.each(PATHOLOGICAL)("%j without end is rendered at once", (text) => {
		const long = text.repeat(200_000 / text.length);
		const begun = performance.now();
		const parts = renderParts(`a ${long} a)`);
		expect(performance.now() - begun).toBeLessThan(4000);
		for (const part of parts) readStrictly(part);
	});

	test("a quote of lines that might begin tables is rendered at once", () => {
		const begun = performance.now();
		renderParts(`>\\${"-|\n   |\n   ".repeat(20_000)}`);
		expect(performance.now() - begun).toBeLessThan(4000);
	});
});
