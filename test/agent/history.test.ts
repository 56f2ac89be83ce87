import { expect, test } from "bun:test";
import fc from "fast-check";
import { fromFirstTurn, repair, splitTurns } from "../../src/agent/history.ts";
import type { SpokenMessage } from "../../src/core/message.ts";
import { brokenRules } from "../support/rules.ts";

const text = fc.constantFrom("hello", "", "  ", "two\n\nlines", "😀");
const id = fc.constantFrom("a", "b", "c", "", "not/valid", "call_1");
const name = fc.constantFrom("exec", "file_read");
const message: fc.Arbitrary<SpokenMessage> = fc.oneof(
	fc.record({ role: fc.constant("user" as const), content: text }),
	fc.record({
		role: fc.constant("assistant" as const),
		content: text,
		toolCalls: fc.array(fc.record({ id, name, input: fc.constant({}) }), {
			maxLength: 3,
		}),
	}),
	fc.record({
		role: fc.constant("tool" as const),
		content: text,
		toolCallId: id,
		toolName: name,
	}),
);

test("whatever is torn out of a history, what is sent keeps the providers' rules", () => {
	fc.assert(
		fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
			const repaired = repair(messages);
			if (repaired.length > 0) expect(brokenRules(repaired)).toEqual([]);
		}),
		{ numRuns: 5000 },
	);
});

test("a history that keeps the rules is sent as it is", () => {
	fc.assert(
		fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
			const once = repair(messages);
			expect(repair(once)).toEqual(once);
		}),
		{ numRuns: 2000 },
	);
});

test("every text of a user is sent, in its order", () => {
	fc.assert(
		fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
			const said = messages.flatMap((one) =>
				one.role === "user" && one.content.trim() ? [one.content] : [],
			);
			const sent = repair(messages).flatMap((one) =>
				one.role === "user" ? [one.content] : [],
			);
			expect(sent.join("\n\n")).toBe(said.join("\n\n"));
		}),
	);
});

test("a call that was never answered gets the result interrupted", () => {
	expect(
		repair([
			{ role: "user", content: "run it" },
			{
				role: "assistant",
				content: "",
				toolCalls: [
					{ id: "a", name: "exec", input: { command: "ls" } },
					{ id: "b", name: "exec", input: { command: "pwd" } },
				],
			},
			{ role: "tool", toolCallId: "b", toolName: "exec", content: "/" },
			{ role: "user", content: "and now?" },
		]),
	).toEqual([
		{ role: "user", content: "run it" },
		{
			role: "assistant",
			content: "",
			toolCalls: [
				{ id: "a", name: "exec", input: { command: "ls" } },
				{ id: "b", name: "exec", input: { command: "pwd" } },
			],
		},
		{
			role: "tool",
			toolCallId: "a",
			toolName: "exec",
			content: "interrupted",
			isError: true,
		},
		{ role: "tool", toolCallId: "b", toolName: "exec", content: "/" },
		{ role: "user", content: "and now?" },
	]);
});

test("a result that somebody spoke in front of is moved back to its call", () => {
	const repaired = repair([
		{ role: "user", content: "run it" },
		{
			role: "assistant",
			content: "",
			toolCalls: [{ id: "a", name: "exec", input: {} }],
		},
		{ role: "user", content: "hurry" },
		{ role: "tool", toolCallId: "a", toolName: "exec", content: "done" },
	]);
	expect(repaired.map((one) => [one.role, one.content])).toEqual([
		["user", "run it"],
		["assistant", ""],
		["tool", "done"],
		["user", "hurry"],
	]);
});

test("an id that comes twice is renamed together with its result", () => {
	const turn = (content: string): SpokenMessage[] => [
		{ role: "user", content: "go" },
		{
			role: "assistant",
			content: "",
			toolCalls: [{ id: "a", name: "exec", input: {} }],
		},
		{ role: "tool", toolCallId: "a", toolName: "exec", content },
	];
	const repaired = repair([...turn("first"), ...turn("second")]);
	expect(repaired.slice(4)).toMatchObject([
		{ toolCalls: [{ id: "call_1" }] },
		{ toolCallId: "call_1", content: "second" },
	]);
});

test("a call keeps the id that its provider gave, whatever its letters: some models read their own ids", () => {
	const turn: SpokenMessage[] = [
		{ role: "user", content: "go" },
		{
			role: "assistant",
			content: "",
			toolCalls: [{ id: "functions.exec:0", name: "exec", input: {} }],
			replay: { driver: "openai", model: "kimi-k2", content: {} },
		},
		{
			role: "tool",
			toolCallId: "functions.exec:0",
			toolName: "exec",
			content: "done",
		},
	];
	expect(repair(turn)).toEqual(turn);
});

test("a history is cut where a turn begins", () => {
	const messages: SpokenMessage[] = [
		{ role: "tool", toolCallId: "a", toolName: "exec", content: "lost" },
		{ role: "assistant", content: "lost too" },
		{ role: "user", content: "hello" },
		{ role: "assistant", content: "hi" },
	];
	expect(fromFirstTurn(messages)).toEqual(messages.slice(2));
	expect(fromFirstTurn(messages.slice(0, 2))).toEqual([]);
	expect(splitTurns([...messages.slice(2), ...messages.slice(2)])).toHaveLength(
		2,
	);
});

test("what is attached to two messages in a row stays attached to the one they become", () => {
	const attached = (name: string): SpokenMessage => ({
		role: "user",
		content: "",
		attachments: [{ path: name, mimeType: "image/png" }],
	});
	expect(
		repair([
			attached("/a.png"),
			{ role: "user", content: "what is it?" },
			attached("/b.png"),
		]),
	).toEqual([
		{
			role: "user",
			content: "(attached)\n\nwhat is it?\n\n(attached)",
			attachments: [
				{ path: "/a.png", mimeType: "image/png" },
				{ path: "/b.png", mimeType: "image/png" },
			],
		},
	]);
	expect(
		repair([
			{ role: "user", content: "a" },
			{ role: "user", content: "b" },
		]),
	).toEqual([{ role: "user", content: "a\n\nb" }]);
});

test("a result that another process's whole turn came in front of still answers its call", () => {
	const repaired = repair([
		{ role: "user", content: "run it" },
		{
			role: "assistant",
			content: "",
			toolCalls: [{ id: "a", name: "exec", input: {} }],
		},
		{ role: "user", content: "and what is 1 + 1?" },
		{ role: "assistant", content: "2" },
		{ role: "tool", toolCallId: "a", toolName: "exec", content: "ran" },
		{ role: "assistant", content: "It ran." },
	]);
	expect(repaired.map((one) => [one.role, one.content])).toEqual([
		["user", "run it"],
		["assistant", ""],
		["tool", "ran"],
		["user", "and what is 1 + 1?"],
		["assistant", "2\n\nIt ran."],
	]);
});

test("a result belongs to the last call of its id before it, not to an older one that was never answered", () => {
	const calling = (content: string): SpokenMessage => ({
		role: "assistant",
		content,
		toolCalls: [{ id: "a", name: "exec", input: {} }],
	});
	const repaired = repair([
		{ role: "user", content: "one" },
		calling("first"),
		{ role: "user", content: "two" },
		calling("second"),
		{ role: "tool", toolCallId: "a", toolName: "exec", content: "ran" },
	]);
	expect(
		repaired
			.filter(({ role }) => role === "tool")
			.map(({ content }) => content),
	).toEqual(["interrupted", "ran"]);
});
