import { describe, expect, test } from "bun:test";
import * as z from "zod/mini";
import type { PromptMessage, ToolSpec } from "../../src/llm/client.ts";
import { demo } from "../../src/llm/demo.ts";
import { ask, asking, collect, never } from "./asking.ts";

const client = demo.create(z.parse(demo.options, {}) as never);
const TOOLS: ToolSpec[] = [
	"file_read",
	"file_write",
	"exec",
	"message_send",
].map((name) => ({ name, description: name, parameters: { type: "object" } }));
const INTRODUCTION = "This is Aeon's demo: no model is connected.";

async function saying(what: string | PromptMessage[], tools = TOOLS) {
	const [first] = await ask(client, asking(what, { tools }));
	return first;
}

describe("the demo calls a tool when asked plainly", () => {
	const cases: [said: string, name: string, input: object][] = [
		["read NOTES.md", "file_read", { path: "NOTES.md" }],
		["Read my notes.txt", "file_read", { path: "my notes.txt" }],
		["write hello to a.txt", "file_write", { path: "a.txt", content: "hello" }],
		[
			"write from me to you to a/b.txt",
			"file_write",
			{ path: "a/b.txt", content: "from me to you" },
		],
		[
			"append two\nlines to a.txt",
			"file_write",
			{ path: "a.txt", content: "two\nlines", mode: "append" },
		],
		["run uname -a", "exec", { command: "uname -a" }],
		["send hello", "message_send", { text: "hello" }],
		[
			'call exec {"command":"id","cwd":"/"}',
			"exec",
			{ command: "id", cwd: "/" },
		],
		["call exec", "exec", {}],
		[
			"[Sun 2026-11-22 19:05 +00:00] read NOTES.md",
			"file_read",
			{ path: "NOTES.md" },
		],
		[
			"[Sun 2026-11-22 19:05 +00:00] run uname -a\n\n[What you remember that may matter here]\n- run is a verb\n[Said earlier in this conversation]\n- 2026-11-21 user: run away",
			"exec",
			{ command: "uname -a" },
		],
		[
			"send hello\n\n[Said earlier in this conversation]\n- 2026-11-21 user: hello",
			"message_send",
			{ text: "hello" },
		],
		[
			"send [What you remember that may matter here]\n\nand more",
			"message_send",
			{ text: "[What you remember that may matter here]\n\nand more" },
		],
	];
	for (const [said, name, input] of cases) {
		test(JSON.stringify(said), async () => {
			expect(await saying(said)).toEqual({
				type: "tool_call",
				call: { id: "demo_1", name, input: input as Record<string, unknown> },
			});
		});
	}
});

describe("the demo says that no model is connected", () => {
	const cases: [said: string, tools: ToolSpec[], answer: string][] = [
		["run ls", [], "The tool exec is not offered here."],
		["call reboot {}", TOOLS, "There is no tool reboot here."],
		["call exec {oops", TOOLS, "The input of exec has to be a JSON object."],
		["hello", [], 'You said "hello". It has no tools either.'],
		[
			"[Sun 2026-11-22 19:05 +00:00] hello",
			TOOLS.slice(2),
			'You said "hello". It can call tools: say "run uname -a", "send hello", "call <tool> {json}".',
		],
	];
	for (const [said, tools, answer] of cases) {
		test(`to ${JSON.stringify(said)} with ${tools.length} tools`, async () => {
			expect(await saying(said, tools)).toEqual({
				type: "text_delta",
				text: `${INTRODUCTION} ${answer}`,
			});
		});
	}
});

test("the demo tells what its tools said, in bounds", async () => {
	const result = (toolName: string, content: string, isError = false) => ({
		role: "tool" as const,
		content,
		toolCallId: toolName,
		toolName,
		isError,
	});
	const messages: PromptMessage[] = [
		{ role: "user", content: "go" },
		{ role: "assistant", content: "", toolCalls: [] },
		result("exec", "Linux\n"),
		result("file_read", "no such file", true),
		result("now", "x".repeat(5000)),
	];
	expect(await saying(messages)).toEqual({
		type: "text_delta",
		text: `${INTRODUCTION} exec said: "Linux\n"\nfile_read failed: "no such file"\nnow said: "${"x".repeat(1000)}… (5000 characters)"`,
	});
});

test("the demo streams word by word, the same every time, and counts tokens", async () => {
	const stream = () => collect(client.streamCompletion(asking(), never));
	const events = await stream();
	expect(events.slice(0, 3)).toEqual([
		{ type: "text_delta", text: "This" },
		{ type: "text_delta", text: " is" },
		{ type: "text_delta", text: " Aeon's" },
	]);
	expect(events.slice(-2)).toEqual([
		{
			type: "usage",
			usage: {
				inputTokens: 20,
				outputTokens: 23,
				cacheReadTokens: 0,
				cacheWriteTokens: 0,
			},
		},
		{ type: "stop", reason: "end_turn", model: "demo" },
	]);
	expect(await stream()).toEqual(events);
});
