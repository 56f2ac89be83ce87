import { expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { FactQuery } from "../../src/memory/memory.ts";
import { openMemory } from "../../src/memory/open.ts";
import { ANNA, BEN, openRig, STAYS } from "./rig.ts";

test("without a fact there is no file, and nothing that is asked makes one", async () => {
	await using rig = openRig();
	const { memory } = rig;
	expect(await memory.of(ANNA).search("tea", 10, STAYS)).toEqual([]);
	expect(await memory.search("tea", {}, STAYS)).toEqual([]);
	expect(await memory.list({})).toEqual([]);
	expect(await memory.forget(1)).toBe(false);
	expect(await memory.of(ANNA).forget(1)).toBe(false);
	expect(await memory.state()).toEqual({ facts: 0, waiting: 0 });
	await memory.close();
	expect(readdirSync(rig.folder)).toEqual([]);
});

test("the first fact makes a file that nobody else can read", async () => {
	await using rig = openRig({ now: () => 1_700_000_000_000 });
	const saved = await rig.memory.of(ANNA).save("  Anna likes tea.\n");
	expect(saved).toEqual({
		fact: { id: 1, text: "Anna likes tea.", savedAt: 1_700_000_000_000 },
		isNew: true,
	});
	expect(statSync(rig.path).mode & 0o777).toBe(0o600);
	expect(statSync(dirname(rig.path)).mode & 0o777).toBe(0o700);
	await rig.memory.close();
	expect(readdirSync(dirname(rig.path))).toEqual(["memory.db"]);
});

test("a fact is the same whatever its spaces, its case and its forms of letters", async () => {
	await using rig = openRig();
	const save = (text: string) => rig.memory.of(ANNA).save(text);
	const { fact } = await save("Café Größe: 42 Plätze");
	for (const same of [
		"Café Größe: 42 Plätze",
		"  café   GRÖßE:\t42\nplätze ",
		"Café Gro\u0308ße: 42 Pla\u0308tze",
		"Ｃａｆé Größe: ４２ Plätze",
	])
		expect(await save(same)).toEqual({ fact, isNew: false });
	expect((await save("Cafe Größe: 42 Plätze")).isNew).toBe(true);
	expect((await rig.memory.of(BEN).save(fact.text)).isNew).toBe(true);
	expect(await rig.memory.state()).toEqual({ facts: 3, waiting: 0 });
});

test("what is empty or too long is no fact", async () => {
	await using rig = openRig();
	const save = (text: string) => rig.memory.of(ANNA).save(text);
	for (const empty of ["", " \n\t "])
		await expect(save(empty)).rejects.toMatchObject({
			code: "usage",
			message: "There is nothing to remember: it is empty",
		});
	await expect(save("x".repeat(2_001))).rejects.toMatchObject({
		code: "too_large",
		message: "A fact has 2000 characters at most, and this one has 2001",
	});
	expect((await save(` ${"x".repeat(2_000)} `)).isNew).toBe(true);
	const half = await save("half a \ud83d pair and a \0 zero");
	expect(half.fact.text).toBe("half a \ufffd pair and a \0 zero");
	expect(await rig.find("pair zero")).toEqual([half.fact.text]);
});

test("facts are found by their words, in any language and form", async () => {
	await using rig = openRig();
	const facts = [
		"Annas Ärztin heißt Müller.",
		"安娜最喜欢的茶是绿茶。",
		"She parks at gate 4 of the Münchner Straße.",
		"Her dogs are called Rex and Bello.",
		"El cumpleaños de su hermano es en mayo.",
	];
	await rig.know(facts);
	const found = (text: string) => rig.find(text);
	expect(await found("Wie heißt die arztin?")).toEqual([facts[0] ?? ""]);
	expect(await found("绿茶")).toEqual([facts[1] ?? ""]);
	expect(await found("where is MÜNCHNER strasse or straße")).toEqual([
		facts[2] ?? "",
	]);
	expect(await found("Which dog?")).toEqual([facts[3] ?? ""]);
	expect(await found("cumpleanos")).toEqual([facts[4] ?? ""]);
	expect(await found("")).toEqual([]);
	expect(await found('"*:(NEAR OR ^')).toEqual([]);
	expect(await found("quantum")).toEqual([]);
});

test("what has more and rarer words of a text comes first, and no more than is wanted", async () => {
	await using rig = openRig();
	await rig.know([
		"The bicycle is red.",
		"The red bicycle has a flat tyre.",
		"The car is red.",
		"A sofa is grey.",
	]);
	const { memory } = rig;
	const search = async (limit: number) =>
		(await memory.of(ANNA).search("red bicycle tyre", limit, STAYS)).map(
			({ id }) => id,
		);
	expect(await search(10)).toEqual([2, 1, 3]);
	expect(await search(2)).toEqual([2, 1]);
	expect(await search(0)).toEqual([]);
});

test("two users who talk a hundred times never find, count or forget what the other one said", async () => {
	await using rig = openRig();
	const { memory } = rig;
	const secrets = { anna: new Set<number>(), ben: new Set<number>() };
	for (let n = 0; n < 100; n++) {
		const anna = await memory.of(ANNA).save(`The secret word ${n} is apple.`);
		const ben = await memory.of(BEN).save(`The secret word ${n} is pear.`);
		secrets.anna.add(anna.fact.id);
		secrets.ben.add(ben.fact.id);
		const asked = `What is the secret word ${n}? apple or pear`;
		for (const [owner, own, word] of [
			[ANNA, secrets.anna, "apple"],
			[BEN, secrets.ben, "pear"],
		] as const) {
			const found = await memory.of(owner).search(asked, 1_000, STAYS);
			expect(found.length).toBeGreaterThan(0);
			expect(found.every(({ id }) => own.has(id))).toBe(true);
			expect(found.every(({ text }) => text.includes(word))).toBe(true);
		}
		expect(await memory.of(BEN).forget(anna.fact.id)).toBe(false);
		expect(await memory.of(ANNA).forget(ben.fact.id)).toBe(false);
	}
	const others = [
		{ agentId: "other", user: ANNA.user },
		{ agentId: "main", user: "telegram:77" },
		{ agentId: "main", user: "%" },
		{ agentId: "", user: "" },
	];
	for (const owner of others)
		expect(await memory.of(owner).search("secret apple", 9, STAYS)).toEqual([]);
	expect(await memory.state()).toEqual({ facts: 200, waiting: 0 });
});

test("a memory that is nobody's is refused", async () => {
	await using rig = openRig();
	await rig.know(["Anna likes tea."]);
	const nobody = JSON.parse('{ "agentId": "main" }');
	expect(() => rig.memory.of(nobody)).toThrow("whose memory");
});

test("what is forgotten is gone, and its number is never given again", async () => {
	await using rig = openRig();
	const { memory } = rig;
	const { fact } = await memory.of(ANNA).save("Anna likes tea.");
	expect(await memory.of(ANNA).forget(fact.id)).toBe(true);
	expect(await memory.of(ANNA).forget(fact.id)).toBe(false);
	expect(await rig.find("tea")).toEqual([]);
	expect(await memory.list({})).toEqual([]);
	const again = await memory.of(ANNA).save("Anna likes tea.");
	expect(again).toMatchObject({ fact: { id: fact.id + 1 }, isNew: true });
	expect(await memory.forget(again.fact.id)).toBe(true);
	expect(await memory.state()).toEqual({ facts: 0, waiting: 0 });
});

test("the person sees everybody's facts, the newest first, or those of some", async () => {
	await using rig = openRig({ now: () => 7 });
	const { memory } = rig;
	const cli = { agentId: "work", user: "cli:local" };
	await rig.know(["Anna likes green tea."], ANNA);
	await rig.know(["Ben likes green apples."], BEN);
	await rig.know(["The report is green."], cli);
	const list = async (query: FactQuery) =>
		(await memory.list(query)).map(({ id }) => id);
	expect(await memory.list({ limit: 1 })).toEqual([
		{ id: 3, ...cli, text: "The report is green.", savedAt: 7 },
	]);
	expect(await list({})).toEqual([3, 2, 1]);
	expect(await list({ before: 3, limit: 1 })).toEqual([2]);
	expect(await list({ agentId: "main" })).toEqual([2, 1]);
	expect(await list({ user: BEN.user })).toEqual([2]);
	expect(await list({ ...ANNA, before: 2 })).toEqual([1]);
	const search = async (query: FactQuery) =>
		(await memory.search("green", query, STAYS)).map(({ id }) => id).sort();
	expect(await search({})).toEqual([1, 2, 3]);
	expect(await search({ agentId: "main" })).toEqual([1, 2]);
	expect(await search({ user: "cli:local" })).toEqual([3]);
	expect(await search({ limit: 2 })).toHaveLength(2);
	expect(await search({ before: 2 })).toEqual([1]);
});

test("what was saved is there after a restart, and after another process forgot it, it is not", async () => {
	await using rig = openRig();
	await rig.know(["Anna likes tea.", "Anna likes cake."]);
	await rig.reopen();
	expect(await rig.find("likes")).toHaveLength(2);
	const second = openMemory(rig.path, { logger: rig.logger });
	expect(await second.forget(1)).toBe(true);
	await second.close();
	expect(await rig.find("likes")).toEqual(["Anna likes cake."]);
});
