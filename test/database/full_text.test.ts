import { afterEach, beforeEach, expect, test } from "bun:test";
import { platform, type SqlDatabase } from "../../src/core/platform.ts";
import { createFullText, FullText } from "../../src/database/full_text.ts";
import { chooseTerms } from "../../src/database/terms.ts";
import { indexable, wordsOf } from "../../src/database/words.ts";

let database: SqlDatabase;
let index: FullText;
let size: number;

beforeEach(() => {
	database = platform.openDatabase(":memory:");
	database.exec(createFullText("words"));
	database.exec("CREATE TABLE owners (id INTEGER PRIMARY KEY, owner TEXT)");
	size = 0;
	index = new FullText(database, { table: "words", size: () => size });
});

afterEach(() => database.close());

test("the SQL that makes an index is what released databases have", () => {
	expect(createFullText("t")).toBe(
		"CREATE VIRTUAL TABLE t USING fts5(content, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2')",
	);
});

test("the best match comes first, and says how much of the question stands in it", () => {
	add("red apple", "green apple on a table", "red table", "blue chair");
	expect(index.search("red apple", 5)).toEqual([
		{ id: 1, share: expect.closeTo(1) },
		{ id: 3, share: expect.closeTo(0.5) },
		{ id: 2, share: expect.closeTo(0.5) },
	]);
	expect(ids("red apple", 1)).toEqual([1]);
	expect(ids("pear")).toEqual([]);
	expect(ids("")).toEqual([]);
});

test("rare words count for more than others", () => {
	add(...Array(4).fill("often"), "often seldom");
	const [first, second] = index.search("often seldom", 5);
	expect(first).toEqual({ id: 5, share: expect.closeTo(1) });
	expect(second?.share).toBeLessThan(0.4);
});

test("words that most texts have are not looked for where there are others, and with a share never", () => {
	add(...Array(100).fill("common"), "common rare", "rare");
	expect(ids("common rare").sort()).toEqual([101, 102]);
	expect(ids("common")).toHaveLength(10);
	expect(index.search("common", 10, {}, 0.1)).toEqual([]);
	expect(index.search("common rare unheard", 10, {}, 1)).toHaveLength(2);
});

test("with a share, only texts that have so much of the question are found", () => {
	add(...Array(60).fill("x"), "violin friday", "friday", "violin teacher");
	const found = (minShare: number) =>
		index.search("violin teacher friday", 10, {}, minShare).map(({ id }) => id);
	expect(found(0.9)).toEqual([]);
	expect(found(0.5).sort()).toEqual([61, 63]);
	expect(found(0.1).sort()).toEqual([61, 62, 63]);
});

test("where too many texts match to be compared, the latest are given, those with all the words first", () => {
	database.transaction(() => {
		for (let n = 1; n <= 8_000; n++)
			index.add(n, n % 1000 === 0 ? "storm and flood" : "storm");
		for (let n = 8_001; n <= 16_000; n++) index.add(n, "flood");
	});
	size = 16_000;
	expect(ids("storm flood", 3)).toEqual([8000, 7000, 6000]);
	expect(ids("storm", 2)).toEqual([8000, 7999]);
	// Once more, now that their number is remembered.
	expect(ids("storm", 2)).toEqual([8000, 7999]);
	index.add(16_001, "ark");
	expect(ids("storm ark")).toEqual([16_001]);
	expect(ids("storm ark", 2)).toEqual([16_001]);
});

test("a text is forgotten, and what was never there as well", () => {
	add("apple", "pear", "apple pear");
	index.remove(3);
	index.remove(77);
	expect(ids("apple pear").sort()).toEqual([1, 2]);
});

test("a search is narrowed by what its index was made with", () => {
	const narrowed = new FullText(database, {
		table: "words",
		size: () => 4,
		join: "JOIN owners ON owners.id = hits.rowid",
		where: "AND owners.owner = $owner",
	});
	for (const [id, owner] of [
		[1, "anna"],
		[2, "ben"],
		[3, "anna"],
	] as const) {
		narrowed.add(id, "key under the mat");
		database
			.prepare("INSERT INTO owners VALUES ($id, $owner)")
			.run({ id, owner });
	}
	const of = (owner: string) =>
		narrowed.search("mat", 9, { owner }).map(({ id }) => id);
	expect(of("anna").sort()).toEqual([1, 3]);
	expect(of("ben")).toEqual([2]);
	expect(of("carl")).toEqual([]);
});

test("words are found in any language, in other forms, capitals and accents", () => {
	add(
		"Grüße aus Köln",
		"running quickly",
		"我们明天去北京",
		"東京タワー",
		"สวัสดีครับ",
		"поезд в Москву",
		"ﬁne ligature",
		"１２３ wide digits",
	);
	for (const [text, id] of [
		["grusse", undefined],
		["GRÜSSE", undefined],
		["gruße", 1],
		["KOLN", 1],
		["run", 2],
		["runs", 2],
		["明天", 3],
		["北京的天气", 3],
		["タワー", 4],
		["สวัสดี", 5],
		["москву", 6],
		["fine", 7],
		["123", 8],
	] as const)
		expect(ids(text)).toEqual(id ? [id] : []);
	// Both characters are there, but not beside each other.
	expect(ids("北天")).toEqual([]);
});

test("the words of a question are phrases, each once, without those that tell nothing", () => {
	expect(wordsOf("Where is the Dog? The DOG!")).toEqual(['"dog"']);
	expect(wordsOf("Wo ist der Hund")).toEqual(['"hund"']);
	expect(wordsOf("who are you")).toEqual([]);
	expect(wordsOf("that's what it's")).toEqual([]);
	expect(wordsOf("Who?")).toEqual(['"who"']);
	expect(wordsOf('a"b* AND (c)')).toEqual(['"b"', '"c"']);
	expect(wordsOf("北京大学abc")).toEqual([
		'"北 京"',
		'"京 大"',
		'"大 学"',
		'"abc"',
	]);
	expect(wordsOf("北")).toEqual(['"北"']);
	expect(wordsOf("")).toEqual([]);
	expect(wordsOf("\ud83d ?! 👋 \0")).toEqual([]);
});

test("a question of any length takes no time and asks for no more than so much", () => {
	const words = Array.from({ length: 5_000 }, (_, n) => `w${n}`);
	expect(wordsOf(words.join(" "))).toHaveLength(48);
	expect(wordsOf("x".repeat(1_000_000))).toEqual([`"${"x".repeat(4000)}"`]);
	add(words.join(" "));
	expect(ids(words.join(" "))).toEqual([1]);
});

test("of words that tell something the rarest are chosen, as many as can be compared", () => {
	const word = (phrase: string, count: number) => ({ phrase, count });
	const chosen = (isStrict: boolean, ...words: ReturnType<typeof word>[]) =>
		chooseTerms(words, 100_000, isStrict).map(({ phrase }) => phrase);
	expect(
		chosen(false, word("c", 1500), word("a", 3), word("none", 0), word("b", 9)),
	).toEqual(["a", "b", "c"]);
	expect(chosen(false, word("a", 1500), word("b", 1501))).toEqual(["a"]);
	expect(chosen(false, word("a", 4000))).toEqual(["a"]);
	expect(chosen(false, word("a", 5001), word("b", 5001))).toEqual(["a", "b"]);
	expect(chosen(true, word("a", 5001))).toEqual([]);
	const many = Array.from({ length: 20 }, (_, n) => word(`w${n}`, n + 1));
	expect(chosen(true, ...many)).toHaveLength(10);
	const weights = chooseTerms(many, 1000, true).map(({ weight }) => weight);
	expect(weights.reduce((sum, weight) => sum + weight)).toBeCloseTo(1);
	expect(weights).toEqual([...weights].sort((a, b) => b - a));
});

test("a text is taken in as it is, but for scripts without spaces", () => {
	expect(indexable("plain\0text")).toBe("plain\0text");
	expect(indexable("Größe")).toBe("Größe");
	expect(indexable("ab京都")).toBe("ab 京  都 ");
	expect(indexable("half \ud83d")).toBe("half \ufffd");
});

test("an index keeps no texts", () => {
	add("a secret sentence");
	const rows = database.prepare<{ content: string | null }>(
		"SELECT content FROM words",
	);
	expect(rows.all()).toEqual([{ content: null }]);
});

function add(...texts: string[]): void {
	for (const text of texts) index.add(++size, text);
}

function ids(text: string, limit = 10): number[] {
	return index.search(text, limit).map(({ id }) => id);
}
