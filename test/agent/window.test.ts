import { expect, test } from "bun:test";
import { estimateTokens } from "../../src/agent/budget.ts";
import { openTestAeon } from "../support/aeon.ts";
import { type FakeRequest, startFakeLlm } from "../support/fake_llm.ts";

const WINDOW = 8192;

/** Tokens of the whole request, with the answer it leaves room for. */
function tokensOf({ body }: FakeRequest): number {
	const { messages, tools, ...rest } = body;
	const { max_tokens } = rest as unknown as { max_tokens: number };
	return estimateTokens(JSON.stringify({ messages, tools })) + max_tokens;
}

for (const max_tokens of [1024, 4096, 8192])
	test(`request and answer fit the window together where an answer may have ${max_tokens} tokens`, async () => {
		const llm = await startFakeLlm({
			api: "openai",
			script: () => ({ text: "word ".repeat(200) }),
		});
		await using it = await openTestAeon({
			provider: "openai",
			model: "fake-1",
			base_url: llm.url,
			context_window: WINDOW,
			max_tokens,
			tools: ["exec"],
		});
		for (let n = 0; n < 24; n++) {
			const { error } = await it.say(`${n} ${"question ".repeat(100)}`);
			expect(error).toBeUndefined();
		}
		const largest = Math.max(...llm.requests.map(tokensOf));
		expect(largest).toBeLessThanOrEqual(WINDOW);
		// What is free is used: an exchange has some 700 tokens.
		expect(largest).toBeGreaterThan(
			WINDOW - 1500 - Math.max(0, max_tokens - WINDOW / 2),
		);
		expect(llm.breaches).toEqual([]);
		llm.stop();
	});

test("a message that does not fit beside the answer is refused, and the log says what takes the room", async () => {
	const llm = await startFakeLlm({ api: "openai", script: () => ({}) });
	await using it = await openTestAeon({
		provider: "openai",
		model: "fake-1",
		base_url: llm.url,
		context_window: 4096,
	});
	const { error } = await it.say("x".repeat(7_200));
	expect(error?.code).toBe("too_large");
	expect(error?.message).toMatch(
		/^This message needs about \d+ tokens and the model's window has room for \d+\. Send it in parts/,
	);
	expect(it.logged("turn.failed")).toMatchObject([
		{ hint: expect.stringContaining("context_window without its max_tokens") },
	]);
	expect(llm.requests).toEqual([]);
	llm.stop();
});
