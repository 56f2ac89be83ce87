import { expect, test } from "bun:test";
import type { TurnEventBody, TurnResult } from "../../../src/core/event.ts";
import { NO_USAGE } from "../../../src/core/message.ts";
import { Screen } from "../../../src/dialogs/cli/screen.ts";

const result: TurnResult = {
	runId: "run-1",
	sessionKey: "agent:main:cli:local",
	text: "said",
	toolCalls: [],
	usage: NO_USAGE,
	stopReason: "end_turn",
};

/** What a screen writes for these events: `out` and beside it. */
function shown(
	events: TurnEventBody[],
	colours = { out: false, aside: false },
) {
	const written = { out: "", aside: "" };
	const place = (name: "out" | "aside") => ({
		hasColour: colours[name],
		write(text: string) {
			written[name] += text;
		},
	});
	const screen = new Screen({ out: place("out"), aside: place("aside") });
	events.forEach((body, index) => {
		screen.show({
			runId: "run-1",
			sessionKey: result.sessionKey,
			seq: index + 1,
			...body,
		});
	});
	return written;
}

test("an answer is shown as it comes and ends its line; tool calls stand beside it, a line each", () => {
	expect(
		shown([
			{ type: "agent.start" },
			{ type: "agent.delta", text: "Let me" },
			{ type: "agent.delta", text: " see." },
			{
				type: "agent.tool_call",
				callId: "1",
				name: "exec",
				input: { command: "ls\n-l" },
			},
			{
				type: "agent.tool_result",
				callId: "1",
				name: "exec",
				success: false,
				output: "exit code 2\nmore",
			},
			{ type: "agent.delta", text: "No." },
			{ type: "agent.done", result },
		]),
	).toEqual({
		out: "Let me see.\nNo.\n",
		aside: "· exec ls -l\n  exit code 2\n",
	});
});

test("a turn that failed without a word shows why; one that has said it shows it once", () => {
	const error = { code: "llm_unavailable" as const, message: "it is down" };
	expect(
		shown([{ type: "agent.error", result: { ...result, text: "", error } }])
			.aside,
	).toBe("it is down\n");
	expect(
		shown([{ type: "agent.error", result: { ...result, error } }]).aside,
	).toBe("");
});

test("nothing that a model or a tool says can move the cursor or hide text", () => {
	const evil = "a\x1b[2J\x1b]0;title\x07b\rc\x9bd";
	const { out, aside } = shown([
		{ type: "agent.delta", text: evil },
		{
			type: "agent.tool_call",
			callId: "1",
			name: "exec",
			input: { command: evil, cwd: "." },
		},
	]);
	for (const control of ["\x1b", "\x07", "\r", "\x9b"])
		expect(out + aside).not.toContain(control);
});

const ANSWER: TurnEventBody[] = [
	{ type: "agent.start" },
	{ type: "agent.tool_call", callId: "1", name: "exec", input: { c: "ls" } },
	{ type: "agent.delta", text: "Hi" },
	{ type: "agent.done", result },
];

test("where colours are wanted a spinner turns until the first word and is wiped away", () => {
	const spin = "\r\x1b[36m⠋\x1b[0m \r\x1b[K";
	expect(shown(ANSWER, { out: true, aside: true })).toEqual({
		out: `${spin}${spin}Hi\n`,
		aside: "\x1b[2m· exec ls\x1b[0m\n",
	});
});

test("where no colours are wanted there is no spinner either, and no escape", () => {
	expect(shown(ANSWER)).toEqual({ out: "Hi\n", aside: "· exec ls\n" });
});

test("the answer and what stands beside it each have the colours of their own place", () => {
	expect(shown(ANSWER, { out: true, aside: false }).aside).toBe("· exec ls\n");
	expect(shown(ANSWER, { out: false, aside: true })).toEqual({
		out: "Hi\n",
		aside: "\x1b[2m· exec ls\x1b[0m\n",
	});
});
