// The tools that remember: memory_save, memory_search, memory_forget and session_search.

import { expect, test } from "bun:test";
import { AeonError } from "../../src/core/errors.ts";
import type { Fact, Passage } from "../../src/core/memory.ts";
import { noMemory } from "./no_memory.ts";
import { openSandbox } from "./sandbox.ts";

/** A day on the clock of this machine, as tools write it. */
const NOVEMBER_3 = new Date(2026, 10, 3, 23, 50).getTime();
const HERE = "agent:main:telegram:777";

test("what is saved is said by its number, and whether it was known", async () => {
	using box = openSandbox();
	const saved: string[] = [];
	const memory = noMemory({
		save: async (text) => {
			saved.push(text);
			const fact = { id: 12, text, savedAt: 0 };
			return { fact, isNew: saved.length === 1 };
		},
	});
	const save = () => box.run("memory_save", { text: "Likes tea." }, { memory });
	expect(await save()).toEqual({
		success: true,
		output: "Remembered as 12.",
	});
	expect(await save()).toEqual({
		success: true,
		output: "Already remembered as 12.",
	});
	expect(saved).toEqual(["Likes tea.", "Likes tea."]);
});

test("what is no fact, and what cannot be kept, is a failure with the reason", async () => {
	using box = openSandbox();
	const because = (error: Error) =>
		box.run(
			"memory_save",
			{ text: "x" },
			{ memory: noMemory({ save: () => Promise.reject(error) }) },
		);
	expect(await because(new AeonError("too_large", "A fact is short"))).toEqual({
		success: false,
		output: "",
		error: "A fact is short. Write one short sentence.",
	});
	const full = new AeonError("storage_failed", "The disk is full");
	expect(await because(full)).toEqual({
		success: false,
		output: "",
		error: "memory_save failed: The disk is full",
	});
});

test("facts are lines with their number and day, whatever is in them", async () => {
	using box = openSandbox();
	const facts: Fact[] = [
		{ id: 12, text: "Anna likes tea.", savedAt: NOVEMBER_3 },
		{ id: 3, text: "Two\n\nlines: 4: not a fact.", savedAt: NOVEMBER_3 },
	];
	const asked: unknown[] = [];
	const memory = noMemory({
		search: async (text, limit) => {
			asked.push(text, limit);
			return facts;
		},
	});
	const result = await box.run("memory_search", { query: "tea" }, { memory });
	expect(result).toEqual({
		success: true,
		output:
			"12: Anna likes tea. (2026-11-03)\n3: Two lines: 4: not a fact. (2026-11-03)",
	});
	expect(asked).toEqual(["tea", 10]);
	expect(await box.run("memory_search", { query: "coffee" })).toEqual({
		success: true,
		output: "Nothing is remembered about that.",
	});
});

test("a fact is forgotten by its number; a wrong number is a failure that says where to look", async () => {
	using box = openSandbox();
	const memory = noMemory({ forget: async (id) => id === 12 });
	expect(await box.run("memory_forget", { id: 12 }, { memory })).toEqual({
		success: true,
		output: "Forgotten.",
	});
	expect(await box.run("memory_forget", { id: 13 }, { memory })).toEqual({
		success: false,
		output: "",
		error:
			"Nothing is remembered as 13: look for the right id with memory_search.",
	});
});

test("a passage says when it was said, by whom and in which conversation", async () => {
	using box = openSandbox();
	const passage = (
		sessionKey: string,
		role: Passage["role"],
		text: string,
	): Passage => ({ sessionKey, id: 1, role, text, timestamp: NOVEMBER_3 });
	const memory = noMemory({
		searchSessions: async () => [
			passage(HERE, "user", "I parked at gate 4."),
			passage(`${HERE}#1700000000000`, "assistant", "Gate 4,\nnoted."),
			passage("agent:main:cli:local", "user", "Where is gate 4?"),
		],
	});
	const context = { memory, sessionKey: HERE };
	expect(await box.run("session_search", { query: "gate" }, context)).toEqual({
		success: true,
		output: [
			"2026-11-03, the user, this conversation: I parked at gate 4.",
			"2026-11-03, you, an earlier conversation: Gate 4, noted.",
			"2026-11-03, the user, an earlier conversation in cli: Where is gate 4?",
		].join("\n"),
	});
	expect(await box.run("session_search", { query: "gate" })).toEqual({
		success: true,
		output: "Nothing was said about that.",
	});
});

test("what is found takes 4,000 characters at most", async () => {
	using box = openSandbox();
	const fact = (id: number, length: number): Fact => ({
		id,
		text: "x".repeat(length),
		savedAt: NOVEMBER_3,
	});
	const lengths: [found: number[], lines: number][] = [
		[[1_900, 1_900, 1_900], 2],
		[[5_000, 10], 1],
		[Array(10).fill(380), 10],
	];
	for (const [found, lines] of lengths) {
		const memory = noMemory({
			search: async () => found.map((length, at) => fact(at + 1, length)),
		});
		const { output } = await box.run(
			"memory_search",
			{ query: "x" },
			{ memory },
		);
		expect(output.length).toBeLessThanOrEqual(4_000);
		expect(output.split("\n").length).toBe(lines);
	}
});
