// The renderer under fire: whatever a model may write, Telegram takes it and nothing is lost.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { plainText } from "../../../src/dialogs/telegram/html.ts";
import { renderParts } from "../../../src/dialogs/telegram/markdown.ts";
import { partsOf, readStrictly } from "./strict_html.ts";

const FAMILY = "👩‍👩‍👧‍👦";
const FLAGS = "🇩🇪🇫🇷";

/** Markdown, in which only letters that are shown are letters of Gothic. */
const FRAGMENTS = [
	...["𐌰𐌱 ", "**𐌲**", "*𐌳 ", "_𐌴_ ", "~~𐌵~~", "`𐌶`", "**", "*", "`", "~~", "_"],
	...[
		"[𐌷](https://1.2) ",
		"[𐌸](3) ",
		"![𐌹](https://1.2)",
		"[",
		"](",
		")",
		"![",
	],
	...[
		"\n",
		"\n\n",
		"  \n",
		"\\\n",
		"\n- 𐌺",
		"\n  - ",
		"\n    ",
		"\n1. 𐌻",
		"\n3) ",
	],
	...[
		"\n# ",
		"\n> 𐌼",
		"\n> > ",
		"\n>",
		"\n---\n",
		"\n```\n",
		"\n```12\n𐌽",
		"\n~~~\n",
	],
	...[
		"\n|𐌾|𐌿|\n|-|-|\n|𐍀|𐍁|\n",
		"|",
		"\n- [ ] ",
		"\n- [x] 𐍂",
		"\n[1]: ",
		"[1]",
	],
	...[
		"<1>",
		"<!--",
		"-->",
		"<1 2=3",
		"&amp;",
		"&#51;",
		"&",
		"<",
		">",
		'"',
		"\\",
	],
	...[
		FAMILY,
		FLAGS,
		"1\u0301\u0301",
		"\u200f",
		"\u202e1",
		"\u3164",
		"\ud83d",
		"\r\n",
	],
	...["\u0000", "\t", "𐍃".repeat(900), "1 ".repeat(1500), "2".repeat(3000)],
	...[
		"\n\n3.".repeat(700),
		"```\n".repeat(3),
		"&".repeat(999),
		"https://1.2/𐍄 ",
	],
];

const markdown = fc
	.array(fc.constantFrom(...FRAGMENTS), { maxLength: 40 })
	.map((fragments) => fragments.join(""));
const anyText = fc.string({ unit: "binary", maxLength: 300 });
const halves = fc
	.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 })
	.map((units) => String.fromCharCode(...units));

const NAUGHTY = [
	"undefined",
	"null",
	"<script>alert(1)</script>",
	"';--",
	"%s%n%x",
	"$(touch x)",
	"../../etc/passwd",
	"&lt;b&gt;",
	"</b></code></pre>",
	'<a href="x" onclick="y">',
	'[x](https://x.yz/"><b>)',
	'```"><b>\n</pre>\n```',
	"`</code>`",
	"T̶̢̛͓̐͋o̸̡͎̒̓ ̵̧̛͎̓i̶̠͒n̷̺̕v̸͔̈́o̵̦͛k̷̗̓e̷̛̝",
	"ﷺ﷽𒐫⸻",
	"\u202eRTL\u202c\u2066iso\u2069",
	"Ⱥ İ ı ß ﬀ ǅ",
	"田中さんにあげて下さい",
	"1\ufe0f\u20e3 🏳️‍🌈 👍🏽 ☺️",
	"¯\\_(ツ)_/¯ (╯°□°）╯︵ ┻━┻)",
	"[^1]: x\n[^1]",
	"[a]: <\n[a]",
	"<a@b.c> <tel:1> <http://[::1]> http://[",
	"|\n|-\n|",
	"1. 2. 3. - * +",
	">\n>>\n- >\n> -",
	"<?php ?> <![CDATA[x]]> <!DOCTYPE y>",
	"\\",
	"toString constructor __proto__",
];

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

	const pathological = [
		..."[ * ` < > _ ~ ![ # | & \\ ( : - + =".split(" "),
		..."*a_|**a |`a|<a |[a](b|[a][b]|a@b.|&#1|[^1]:|<!--".split("|"),
		...[
			"> ",
			"- ",
			"1. ",
			"> - ",
			"- > ",
			"> a\nb\n",
			"> - a\nb\n",
			"- a\nb\n",
		],
		...["a\n", "a  \n", "a\n=", "|a|b\n", "|-|\n", '[a]: b "x\n', "\n", "\\\n"],
		...[
			"```\n",
			"``` a\n",
			"~~~\n~~~~\n",
			"\n\n```\n\n",
			"<b>\n",
			"\t- a\n",
			"😀",
		],
	];
	test.each(pathological)("%j without end is rendered at once", (text) => {
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
