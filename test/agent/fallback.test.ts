import { expect, test } from "bun:test";
import { openTestAeon, SESSION } from "../support/aeon.ts";
import { type FakeAnswer, startFakeLlm } from "../support/fake_llm.ts";

const DOWN: FakeAnswer = {
	status: 503,
	headers: { "retry-after": "120" },
	body: { error: { message: "down for maintenance" } },
};
const TOLD = "openai/first did not answer, so anthropic/second did";

/** An Aeon whose main agent asks the first model, and falls back to the second. */
async function withFallback(first: FakeAnswer[], second: FakeAnswer[]) {
	const script = (answers: FakeAnswer[]) => (_request: unknown, n: number) =>
		answers[n] ?? { text: "nothing more" };
	const main = await startFakeLlm({ api: "openai", script: script(first) });
	const other = await startFakeLlm({
		api: "anthropic",
		script: script(second),
	});
	const it = await openTestAeon(
		{
			provider: "openai",
			model: "first",
			base_url: main.url,
			fallbacks: ["spare"],
		},
		{ tools: { exec: { approval: "allow" } } },
		undefined,
		{
			spare: {
				provider: "anthropic",
				model: "second",
				api_key: "test-key",
				base_url: other.url,
			},
		},
	);
	return Object.assign(it, {
		main,
		other,
		[Symbol.dispose]() {
			main.stop();
			other.stop();
		},
	});
}

test("a fallback that answers is named under its answer, in the store and in the log, and not to the model", async () => {
	await using it = await withFallback(
		[DOWN, { text: "Back.", model: "first-large" }],
		[{ text: "Here I am.", model: "second-2026" }],
	);
	using _ = it;
	const { text, error } = await it.say("hello");
	expect(error).toBeUndefined();
	expect(text).toBe(`Here I am.\n\n[${TOLD}]`);
	expect(await it.aeon.store.getHistory(SESSION, 1)).toMatchObject([
		{ content: "Here I am.", model: "second-2026", notice: TOLD },
	]);
	expect((await it.say("and now?")).text).toBe("Back.");
	expect(JSON.stringify(it.main.requests[1]?.body)).not.toContain(
		"did not answer",
	);
	expect(it.logged("turn.done")).toMatchObject([
		{ provider: "anthropic", model: "second-2026" },
		{ provider: "openai", model: "first-large" },
	]);
});

test("a fallback that answers all of a tool loop is named once in the turn, and again in the next one", async () => {
	const call = { name: "exec", input: { command: "true" } };
	await using it = await withFallback(
		[DOWN, DOWN, DOWN],
		[
			{ text: "Let me see.", toolCalls: [call] },
			{ text: "Done." },
			{ text: "Still here." },
		],
	);
	using _ = it;
	expect((await it.say("go")).text).toBe(`Let me see.\n\n[${TOLD}]\n\nDone.`);
	expect((await it.say("more")).text).toBe(`Still here.\n\n[${TOLD}]`);
});

test("a fallback is named where its answer is cut, too", async () => {
	await using it = await withFallback(
		[DOWN],
		[{ text: "The first half", ending: "reset" }],
	);
	using _ = it;
	const { text } = await it.say("hello");
	expect(text).toStartWith(
		`The first half\n\n[${TOLD}]\n\n[The answer was cut: `,
	);
	const [kept] = await it.aeon.store.getHistory(SESSION, 1);
	expect(kept).toMatchObject({
		content: "The first half",
		notice: expect.stringMatching(
			/^openai\/first did not answer, so anthropic\/second did\. The answer was cut: /,
		),
	});
});
