import { describe, expect, test } from "bun:test";
import { partsOf, readStrictly, textOf } from "./strict_marks.ts";

const FAMILY = "👩‍👩‍👧‍👦";
const sentence = "A sentence of some words. ";
const paragraph = sentence.repeat(20).trim();
const paragraphs = Array.from({ length: 30 }, (_, i) => `${i} ${paragraph}`);

describe("a long text", () => {
	test("is cut between paragraphs", () => {
		expect(partsOf(paragraphs.join("\n\n")).slice(0, 2)).toEqual([
			paragraphs.slice(0, 7).join("\n\n"),
			paragraphs.slice(7, 14).join("\n\n"),
		]);
	});

	test("of one paragraph is cut between lines, else between words", () => {
		const lines = partsOf(paragraphs.join("\n"));
		expect(lines[0]).toBe(paragraphs.slice(0, 7).join("\n"));
		const words = partsOf(paragraphs.join(" "));
		expect(words[0]?.length).toBeGreaterThan(4085);
		expect(words.join(" ")).toBe(paragraphs.join(" "));
	});

	test("of as much as WhatsApp takes is one part", () => {
		expect(partsOf("a".repeat(4096))).toEqual(["a".repeat(4096)]);
		expect(partsOf("a".repeat(4097)).map(({ length }) => length)).toEqual([
			4096, 1,
		]);
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
			expect(first.length).toBeGreaterThan(4096 - character.length);
			expect(first + second).toBe(word);
		}
	});

	test("of one endless character is cut, but in no surrogate pair", () => {
		const mark = "\u{1d165}";
		const even = partsOf(`ab${mark.repeat(4500)}`);
		expect(even.map(({ length }) => length)).toEqual([4096, 4096, 810]);
		const odd = partsOf(`a${mark.repeat(4500)}`);
		expect(odd.map(({ length }) => length)).toEqual([4095, 4096, 810]);
	});

	test("is counted with its marks", () => {
		const line = "a".repeat(2500);
		const bold = "b".repeat(1592);
		expect(partsOf(`${line}\n\n**${bold}**`)).toEqual([`${line}\n\n*${bold}*`]);
		expect(partsOf(`a${line}\n\n**${bold}**`)).toEqual([
			`a${line}`,
			`*${bold}*`,
		]);
		const quoted = `> ${sentence.repeat(20)}\n`.repeat(10);
		for (const part of partsOf(quoted))
			expect(part).toStartWith("> A sentence");
		const words = "**a** ".repeat(1024);
		expect(partsOf(words).map(({ length }) => length)).toEqual([4095]);
		expect(partsOf(`${words}**b**`)).toHaveLength(2);
	});

	test("is counted with what keeps characters from being marks", () => {
		const stray = " \\*a".repeat(1023);
		expect(partsOf(`bcd${stray}\\*`)).toEqual([
			`bcd${" *\u200aa".repeat(1023)}*`,
		]);
		const parts = partsOf(`bcde${stray}\\*`);
		expect(parts).toHaveLength(2);
		expect(parts.map((part) => textOf(readStrictly(part))).join(" ")).toBe(
			`bcde${" *a".repeat(1023)}*`,
		);
	});

	test("goes on with the same marks in the next part", () => {
		const [first = "", second = ""] = partsOf(
			`${paragraph}\n\n**b *${sentence.repeat(150)}x*** y`,
		);
		expect(first).toMatch(/\w_\*$/);
		expect(second).toStartWith("*_");
		expect(second).toEndWith(" x_* y");
	});

	test("of code goes on with its fences, line by line, indented", () => {
		const line = '\tif (a < b) { say("<&>"); }';
		const code = Array.from({ length: 700 }, (_, i) => `${line} // ${i}`);
		const parts = partsOf(
			`Look:\n\n\`\`\`c\n${code.join("\n")}\n\`\`\`\nDone.`,
		);
		expect(parts.length).toBe(7);
		for (const part of parts.slice(1, -1)) {
			expect(part).toStartWith("```\n\tif (");
			expect(part).toEndWith("\n```");
		}
		const shown = parts.map((part) => textOf(readStrictly(part)));
		expect(shown.join("\n")).toBe(`Look:\n\n${code.join("\n")}\nDone.`);
	});

	test("is cut before code that fits into the next part, which stays as it is", () => {
		const text = paragraphs.slice(0, 5).join("\n\n");
		const code = "\n  x = 1".repeat(400);
		expect(partsOf(`${text}\n\n\`\`\`\n${code}\n\n\`\`\``).slice(0, 2)).toEqual(
			[text, `\`\`\`\n${code}\n\n\n\`\`\``],
		);
	});

	test("leaves out what would be a part of nothing visible", () => {
		expect(partsOf(`a${"\u200b".repeat(9000)} b`)).toHaveLength(2);
		expect(partsOf(`\`\`\`\na${"\n".repeat(9000)}b\n\`\`\``)).toHaveLength(2);
	});
});
