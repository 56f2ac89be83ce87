import { expect, test } from "bun:test";
import { excerpt } from "../../src/database/excerpt.ts";
import { fold, WordFinder } from "../../src/database/word_finder.ts";

const LOREM = "lorem ipsum dolor sit amet ".repeat(100);

const of = (text: string, question: string) =>
	excerpt(text, new WordFinder(question));

test("a short text is given whole", () => {
	expect(of("  the key is under the mat\n", "key")).toBe(
		"the key is under the mat",
	);
	expect(of("x".repeat(300), "key")).toBe("x".repeat(300));
	expect(of("", "key")).toBe("");
});

test("of a long text the piece around the words is given, cut between words", () => {
	const found = of(`${LOREM}the key is under the mat ${LOREM}`, "key mat");
	expect(found).toMatch(
		/^…(?:lorem|ipsum|dolor|sit|amet) .* the key is under the mat lorem .* (?:lorem|ipsum|dolor|sit|amet)…$/,
	);
	expect(found.length).toBeGreaterThan(250);
	expect(found.length).toBeLessThanOrEqual(301);
	// The words stand in its middle.
	expect(Math.abs(found.indexOf("under") - found.length / 2)).toBeLessThan(30);
});

test("at either end of a text nothing is cut off there", () => {
	const begin = of(`the key ${LOREM}`, "key");
	expect(begin).toStartWith("the key lorem");
	expect(begin).toEndWith("…");
	const end = of(`${LOREM}the key.`, "key");
	expect(end).toStartWith("…");
	expect(end).toEndWith("the key.");
	expect(of(LOREM, "nowhere")).toStartWith("lorem ipsum");
});

test("the place with most of the words is chosen", () => {
	const text = `key ${LOREM} key mat ${LOREM} mat door key ${LOREM} door`;
	expect(of(text, "key mat door")).toContain("mat door key");
	expect(of(text, "key mat")).toContain("key mat");
	const late = `key ${LOREM} mat door ${LOREM} the door key mat ${LOREM}`;
	expect(of(late, "key mat door")).toContain("the door key mat");
});

test("words are found whatever their capitals, accents and endings, at the beginning of words", () => {
	for (const [said, asked] of [
		["Äpfel", "apfel"],
		["apfel", "Äpfel"],
		["A\u0308pfel", "äpfel"],
		["ÄPFEL", "äpfel"],
		["stories", "story"],
		["story", "stories"],
		["walked", "walking"],
		["keychain", "key"],
		["我们去北京吧", "北京"],
		["iPhone手机", "手机"],
		["ﬁne", "fine"],
	] as const)
		expect(of(`${LOREM}${said} ${LOREM}`, asked)).toContain(said);
	expect(of(`${LOREM}monkey ${LOREM}`, "key")).not.toContain("monkey");
});

test("a text without spaces is cut anywhere but within a character", () => {
	for (let shift = 0; shift < 3; shift++) {
		const text = `${"a".repeat(shift)}${"😀".repeat(600)}针${"😀".repeat(600)}`;
		const found = of(text, "针");
		expect(found).toContain("针");
		expect(found.isWellFormed()).toBe(true);
		expect(found.length).toBeLessThanOrEqual(302);
	}
});

test("the place is right where folding makes a text longer or shorter", () => {
	for (const before of ["e\u0301", "ﬃ ", "İ", "½ ", "각", "क्षि "]) {
		const text = `${before.repeat(400)} the needle here ${before.repeat(400)}`;
		expect(of(text, "needle")).toContain("the needle here");
	}
});

test("which of the words stand in a text is told by their places in the question", () => {
	const finder = new WordFinder("Where is my Violin teacher, Frau Müller?");
	expect(finder.phrases).toEqual([
		'"violin"',
		'"teacher"',
		'"frau"',
		'"müller"',
	]);
	expect(finder.find("MULLER teaches the violins")).toEqual([0, 3]);
	expect(finder.find("teachers")).toEqual([1]);
	expect(finder.find("a bass")).toEqual([]);
	expect(finder.mayBeIn(fold("a bass"))).toBe(false);
	expect(finder.mayBeIn(fold("a VIOLA, a violín"))).toBe(true);
	expect(new WordFinder("?!").find("anything?!")).toEqual([]);
});

test("a word that stands everywhere takes no time", () => {
	const text = "key ".repeat(5_000);
	expect(of(text, "key")).toStartWith("key key");
});
