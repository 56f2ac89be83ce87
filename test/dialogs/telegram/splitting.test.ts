import { describe, expect, test } from "bun:test";
import { plainText } from "../../../src/dialogs/telegram/html.ts";
import { renderParts } from "../../../src/dialogs/telegram/markdown.ts";
import { partsOf } from "./strict_html.ts";

const FAMILY = "👩‍👩‍👧‍👦";
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
