import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLogger } from "../../../src/core/logger.ts";
import { openMemory } from "../../../src/dialogs/whatsapp/memory.ts";
import { temporaryFolder } from "../../support/home.ts";
import { ANNA, BERT } from "./intake_rig.ts";

const DAY = 24 * 3600_000;
const KEY = `agent:main:whatsapp:${ANNA}`;

/** A memory, and what is logged of it. */
function open(state: string, now = () => DAY) {
	const lines: string[] = [];
	const logger = createLogger({
		path: join(state, "aeon.log"),
		level: "info",
		secrets: [],
		stderr: (line) => lines.push(line),
	});
	return { memory: openMemory({ state, now, logger }), lines };
}

test("everything is remembered through a restart, in a file that is its owner's alone", async () => {
	using folder = temporaryFolder();
	const { memory } = open(folder.path);
	await Promise.all([
		memory.chooseModel(KEY, "fast"),
		memory.mayTell(BERT),
		memory.noteReaction(KEY, "wamid.1", "[reacted 👍]"),
	]);
	const { memory: again, lines } = open(folder.path);
	expect(again.modelOf(KEY)).toBe("fast");
	expect(await again.mayTell(BERT)).toBe(false);
	expect(again.reactionsOf(KEY)).toEqual([["wamid.1", "[reacted 👍]"]]);
	expect(lines).toEqual([]);
	const file = join(folder.path, "whatsapp.json");
	expect(statSync(file).mode & 0o777).toBe(0o600);
	expect(readdirSync(folder.path)).toEqual(["whatsapp.json"]);
});

test.each([
	["cut", '{"strangers": [["+1'],
	["of another shape", '{"reactions": [["key", [["wamid.1"]]]]}'],
	["a list", "[]"],
])(
	"a file that is %s counts as empty, and is said to be broken",
	async (_, text) => {
		using folder = temporaryFolder();
		writeFileSync(join(folder.path, "whatsapp.json"), text);
		const { memory, lines } = open(folder.path);
		expect(lines).toHaveLength(1);
		expect(lines[0]).toContain("whatsapp.memory_unreadable");
		expect(memory.reactionsOf(KEY)).toEqual([]);
		await memory.chooseModel(KEY, "fast");
		expect(open(folder.path).memory.modelOf(KEY)).toBe("fast");
	},
);

test("what changes nothing is not written", async () => {
	using folder = temporaryFolder();
	const { memory } = open(folder.path);
	await memory.noteReaction(KEY, "wamid.1", undefined);
	await memory.forgetReactions(KEY, []);
	expect(readdirSync(folder.path)).toEqual([]);
});

test("what cannot be written is logged, and goes on being known", async () => {
	using folder = temporaryFolder();
	mkdirSync(join(folder.path, "whatsapp.json"));
	const { memory, lines } = open(folder.path);
	await memory.noteReaction(KEY, "wamid.1", "[a]");
	expect(memory.reactionsOf(KEY)).toEqual([["wamid.1", "[a]"]]);
	expect(lines.join("\n")).toContain("whatsapp.memory_unwritten");
});

test("a stranger may be told once a day, and a hundred of them in a day", async () => {
	using folder = temporaryFolder();
	let time = 100 * DAY;
	const { memory } = open(folder.path, () => time);
	for (let n = 0; n < 100; n++)
		expect(await memory.mayTell(`+1555000${1_000 + n}`)).toBe(true);
	expect(await memory.mayTell("+15550001000")).toBe(false);
	expect(await memory.mayTell(BERT)).toBe(false);
	time += DAY;
	expect(await memory.mayTell(BERT)).toBe(true);
	time = 0;
	expect(await memory.mayTell(BERT)).toBe(true);
});

test("a reaction takes the place of an earlier one to the same message, and goes when it is taken back", async () => {
	using folder = temporaryFolder();
	const { memory } = open(folder.path);
	await memory.noteReaction(KEY, "1", "[a]");
	await memory.noteReaction(KEY, "2", "[b]");
	await memory.noteReaction(KEY, "1", "[c]");
	expect(memory.reactionsOf(KEY)).toEqual([
		["2", "[b]"],
		["1", "[c]"],
	]);
	await memory.noteReaction(KEY, "2", undefined);
	await memory.noteReaction(KEY, "unknown", undefined);
	expect(memory.reactionsOf(KEY)).toEqual([["1", "[c]"]]);
	await memory.noteReaction(KEY, "1", undefined);
	expect(memory.reactionsOf(KEY)).toEqual([]);
	expect(open(folder.path).memory.reactionsOf(KEY)).toEqual([]);
});

test("what was told is forgotten, and nothing that was noted since", async () => {
	using folder = temporaryFolder();
	const { memory } = open(folder.path);
	await memory.noteReaction(KEY, "1", "[a]");
	await memory.noteReaction(KEY, "2", "[b]");
	const told = memory.reactionsOf(KEY);
	await memory.noteReaction(KEY, "2", "[c]");
	await memory.noteReaction(KEY, "3", "[d]");
	await memory.forgetReactions(KEY, told);
	const left = [
		["2", "[c]"],
		["3", "[d]"],
	];
	expect(memory.reactionsOf(KEY)).toEqual(left as [string, string][]);
	expect(open(folder.path).memory.reactionsOf(KEY)).toEqual(
		left as [string, string][],
	);
});

test("the last twenty reactions of a session are kept, and those of two hundred sessions", async () => {
	using folder = temporaryFolder();
	const { memory } = open(folder.path);
	for (let n = 0; n < 25; n++) void memory.noteReaction(KEY, `${n}`, "[a]");
	expect(memory.reactionsOf(KEY).map(([id]) => Number(id))).toEqual(
		Array.from({ length: 20 }, (_, n) => n + 5),
	);
	for (let n = 0; n < 200; n++) void memory.noteReaction(`k${n}`, "1", "[a]");
	await memory.noteReaction("k0", "2", "[b]");
	expect(
		[KEY, "k0", "k199"].map((key) => memory.reactionsOf(key).length),
	).toEqual([0, 2, 1]);
	const { memory: again } = open(folder.path);
	expect(
		[KEY, "k0", "k199"].map((key) => again.reactionsOf(key).length),
	).toEqual([0, 2, 1]);
});
