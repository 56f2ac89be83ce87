import { expect, test } from "bun:test";
import { clip, estimateMessages, fit } from "../../src/agent/budget.ts";
import { repair } from "../../src/agent/history.ts";
import type { SpokenMessage } from "../../src/core/message.ts";
import { brokenRules } from "../support/rules.ts";

function turn(n: number, resultLength: number): SpokenMessage[] {
	return [
		{ role: "user", content: `question ${n}` },
		{
			role: "assistant",
			content: "",
			toolCalls: [{ id: `call_${n}`, name: "file_read", input: { path: "a" } }],
		},
		{
			role: "tool",
			toolCallId: `call_${n}`,
			toolName: "file_read",
			content: "x".repeat(resultLength),
		},
		{ role: "assistant", content: `answer ${n}` },
	];
}

test("a conversation that fits is sent as it is", () => {
	const messages = turn(1, 100);
	expect(fit(messages, 10_000)).toEqual({ messages, trimmed: false });
});

test("long results of finished turns are cut before a turn is dropped", () => {
	const messages = [...turn(1, 50_000), ...turn(2, 10)];
	const fitted = fit(messages, 3_000);
	expect(fitted.trimmed).toBe(false);
	expect(fitted.messages).toHaveLength(8);
	expect(fitted.messages[2]?.content).toContain("characters left out");
	expect(estimateMessages(fitted.messages)).toBeLessThanOrEqual(3_000);
});

test("the oldest turns are dropped whole, and that is said", () => {
	const messages = [1, 2, 3, 4, 5].flatMap((n) => turn(n, 3_000));
	const fitted = fit(messages, 2_500);
	expect(fitted.trimmed).toBe(true);
	expect(brokenRules(repair(fitted.messages))).toEqual([]);
	expect(fitted.messages[0]?.content).toBe("question 4");
	expect(estimateMessages(fitted.messages)).toBeLessThanOrEqual(2_500);
});

test("five megabytes of history fit into a window of 8,000 tokens", () => {
	const messages = Array.from({ length: 50 }, (_, n) =>
		turn(n, 100_000),
	).flat();
	const { messages: fitted } = fit(messages, 6_000);
	expect(estimateMessages(fitted)).toBeLessThanOrEqual(6_000);
	expect(fitted.at(-1)).toEqual({ role: "assistant", content: "answer 49" });
});

test("a message that can never fit is refused with what to do", () => {
	const messages: SpokenMessage[] = [
		{ role: "user", content: "x".repeat(100_000) },
	];
	expect(() => fit(messages, 1_000)).toThrow(
		/needs about 28580 tokens and the model's window has room for 1000\. Send it in parts/,
	);
});

test("a cut text says how much is missing and never splits a character", () => {
	expect(clip("short", 10)).toBe("short");
	const cut = clip("😀".repeat(100), 11);
	expect(cut).toContain("190 characters left out");
	expect(cut.isWellFormed()).toBe(true);
});

test("calls, replays and pictures count, not only texts", () => {
	const long = "x".repeat(3500);
	const call = { id: "a", name: "exec", input: { command: long } };
	const tokens = (message: SpokenMessage) => estimateMessages([message]);
	expect(tokens({ role: "user", content: long })).toBe(1008);
	expect(
		tokens({ role: "assistant", content: "", toolCalls: [call] }),
	).toBeGreaterThan(1000);
	const replay = { driver: "d", model: "m", content: [long] };
	expect(tokens({ role: "assistant", content: "", replay })).toBeGreaterThan(
		1000,
	);
	const attachments = [{ path: "/a.png", mimeType: "image/png" }];
	expect(tokens({ role: "user", content: "", attachments })).toBe(1608);
});
