import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
	cleanText,
	isVisible,
	plainText,
} from "../../../src/dialogs/telegram/html.ts";
import { renderParts } from "../../../src/dialogs/telegram/markdown.ts";
import { readStrictly } from "./strict_html.ts";

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

/** The parts of a text: each as Telegram wants it, together visible where the text is. */
function partsOf(text: string): string[] {
	const parts = renderParts(text);
	for (const part of parts) {
		const shown = readStrictly(part);
		expect(plainText(part)).toBe(shown);
		expect(isVisible(shown)).toBe(true);
		expect(part).not.toMatch(/^\s/);
	}
	expect(parts.length > 0).toBe(isVisible(cleanText(text)));
	return parts;
}

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
		const long = text.repeat(100_000 / text.length);
		const begun = performance.now();
		const parts = renderParts(`a ${long}\n${long} a)`);
		expect(performance.now() - begun).toBeLessThan(4000);
		for (const part of parts) readStrictly(part);
	});
});

const sentence = "A sentence of some words. ";
const paragraph = sentence.repeat(20).trim();
const paragraphs = Array.from({ length: 30 }, (_, i) => `${i} ${paragraph}`);

describe("a long text", () => {
	test("is cut between paragraphs", () => {
		const parts = partsOf(paragraphs.join("\n\n"));
		expect(parts.slice(0, 2)).toEqual([
			paragraphs.slice(0, 7).join("\n\n"),
			paragraphs.slice(7, 14).join("\n\n"),
		]);
	});

	test("of one paragraph is cut between lines, else between words", () => {
		const lines = partsOf(paragraphs.join("\n"));
		expect(lines[0]).toBe(paragraphs.slice(0, 7).join("\n"));
		const words = partsOf(paragraphs.join(" "));
		expect(words[0]).toHaveLength(3995);
		expect(words.join(" ")).toBe(paragraphs.join(" "));
	});

	test("without spaces is cut between characters as people see them", () => {
		for (const character of [
			FAMILY,
			"🇩🇪",
			"1\u0301",
			"👍🏽",
			"字",
			"😀",
			"한",
		]) {
			const word = `a${character.repeat(5000 / character.length)}`;
			const [first = "", second = ""] = partsOf(word);
			expect(first).toBe(
				`a${character.repeat((first.length - 1) / character.length)}`,
			);
			expect(first.length).toBeGreaterThan(4000 - character.length);
			expect(first + second).toBe(word);
		}
	});

	test("of one endless character is cut, but in no surrogate pair", () => {
		const mark = "\u{1d165}";
		const parts = partsOf(`ab${mark.repeat(4500)}`);
		expect(parts.map(({ length }) => length)).toEqual([4000, 4000, 1002]);
		const odd = partsOf(`a${mark.repeat(4500)}`);
		expect(odd.map(({ length }) => length)).toEqual([3999, 4000, 1002]);
	});

	test("is counted as it is shown, whatever its HTML takes", () => {
		expect(partsOf("&".repeat(4000))).toEqual(["&amp;".repeat(4000)]);
		expect(partsOf("&".repeat(4001))).toHaveLength(2);
	});

	test("with very long addresses becomes more parts, and no address is cut", () => {
		const link = `[x](https://x.yz/${"&".repeat(1000)})\n`;
		const parts = partsOf(link.repeat(20));
		expect(parts.map((part) => part.split("<a").length - 1)).toEqual([
			5, 5, 5, 5,
		]);
	});

	test("goes on with the same tags in the next part", () => {
		const [first = "", second = ""] = partsOf(
			`${paragraph}\n\n**[b *${sentence.repeat(150)}x*](https://x.yz)** y`,
		);
		expect(first).toEndWith("</i></a></b>");
		expect(second).toStartWith('<b><a href="https://x.yz"><i>');
		expect(second).toEndWith("x</i></a></b> y");
	});

	test("of code goes on with its language, line by line, indented", () => {
		const line = '  if (a < b) { say("<&>"); }';
		const code = Array.from({ length: 700 }, (_, i) => `${line} // ${i}`);
		const parts = partsOf(
			`Look:\n\n\`\`\`c\n${code.join("\n")}\n\`\`\`\nDone.`,
		);
		expect(parts.length).toBe(7);
		for (const part of parts.slice(1, -1)) {
			expect(part).toStartWith('<pre><code class="language-c">  if (');
			expect(part).toEndWith("</code></pre>");
		}
		expect(parts.map(plainText).join("\n")).toBe(
			`Look:\n\n${code.join("\n")}\nDone.`,
		);
	});

	test("is cut before code that fits into the next part, which stays as it is", () => {
		const text = paragraphs.slice(0, 5).join("\n\n");
		const code = "\n  x = 1".repeat(400);
		const parts = partsOf(`${text}\n\n\`\`\`\n${code}\n\n\`\`\``);
		expect(parts.slice(0, 2)).toEqual([text, `<pre>${code}\n\n</pre>`]);
	});

	test("of code is cut at a line, whether blank or not, else after a space", () => {
		const line = "x = 1;\n".repeat(350);
		const lines = partsOf(`\`\`\`\n${line}\n${line}\`\`\``);
		expect(plainText(lines[0] ?? "")).toHaveLength(3997);
		const words = partsOf(`\`\`\`\n${"some  words ".repeat(500)}\n\`\`\``);
		expect(words[0]).toEndWith(" </pre>");
		expect(words.map(plainText).join("")).toBe("some  words ".repeat(500));
	});

	test("leaves out what would be a part of nothing visible", () => {
		expect(partsOf(`a${"\u200b".repeat(9000)} b`)).toHaveLength(2);
		expect(partsOf(`\`\`\`\na${"\n".repeat(9000)}b\n\`\`\``)).toHaveLength(2);
	});

	test("keeps its parts while it grows", () => {
		const lists = paragraphs.map((text, i) => `${i}. **x** ${text}\n`);
		const code = `\`\`\`js\n${`${sentence}\n`.repeat(300)}\`\`\`\n\n`;
		const text = `${paragraphs.join("\n\n")}\n\n${code}${lists.join("")}`;
		let before: string[] = [];
		for (let end = 1; end < text.length; end += 97) {
			const parts = renderParts(text.slice(0, end));
			expect(parts.slice(0, before.length)).toEqual(before);
			before = parts.slice(0, -1);
		}
		expect(before.length).toBeGreaterThan(8);
	});
});
