import { describe, expect, test } from "bun:test";
import { AeonError } from "../../src/core/errors.ts";
import type {
	CompletionRequest,
	LlmClient,
	StreamEvent,
} from "../../src/llm/client.ts";
import { withFallbacks, withRetry } from "../../src/llm/retry.ts";
import { ask, asking, collect, never, rejection } from "./asking.ts";

const TEXT: StreamEvent = { type: "text_delta", text: "Hello." };
const THOUGHT: StreamEvent = { type: "thinking_delta", text: "Hm." };
const CALL: StreamEvent = {
	type: "tool_call",
	call: { id: "1", name: "exec", input: {} },
};
const STOP: StreamEvent = { type: "stop", reason: "end_turn", model: "m" };

const unavailable = (details = {}) =>
	new AeonError("llm_unavailable", "api.test said 529: overloaded", {
		status: 529,
		hint: "Wait.",
		...details,
	});
const rejected = () =>
	new AeonError("llm_rejected", "api.test said 401", {
		hint: "Check api_key.",
	});

/** A client that plays one list a request: events, and errors to throw. */
function playing(
	label: string,
	...plays: (StreamEvent | Error)[][]
): LlmClient & { requests: CompletionRequest[] } {
	const requests: CompletionRequest[] = [];
	return {
		label,
		contextWindow: 1000 * label.length,
		maxAnswerTokens: 100 * label.length,
		requests,
		async *streamCompletion(request) {
			requests.push(request);
			for (const step of plays[requests.length - 1] ?? []) {
				if (step instanceof Error) throw step;
				yield step;
			}
		},
	};
}

/** Time that passes only in sleep, and chance that is always `random`. */
function timing(random = 1) {
	const slept: number[] = [];
	let time = 0;
	return {
		slept,
		random: () => random,
		now: () => time,
		sleep: async (ms: number) => {
			slept.push(ms);
			time += ms;
		},
	};
}

describe("a model that is unavailable is asked again", () => {
	test("until it answers, waiting longer each time", async () => {
		const client = playing("a", [unavailable()], [unavailable()], [TEXT, STOP]);
		const clock = timing();
		expect(await ask(withRetry(client, clock))).toEqual([TEXT, STOP]);
		expect(clock.slept).toEqual([500, 1000]);
	});

	test("by chance somewhere in that time, and never longer than 8 s", async () => {
		const down = () => Array.from({ length: 7 }, () => [unavailable()]);
		const longest = timing();
		await rejection(
			ask(withRetry(playing("a", ...down()), { ...longest, tries: 7 })),
		);
		expect(longest.slept).toEqual([500, 1000, 2000, 4000, 8000, 8000]);
		const half = timing(0.5);
		await rejection(
			ask(withRetry(playing("a", ...down()), { ...half, tries: 4 })),
		);
		expect(half.slept).toEqual([250, 500, 1000]);
	});

	test("after thinking that broke off", async () => {
		const client = playing("a", [THOUGHT, unavailable()], [TEXT, STOP]);
		const events = await ask(withRetry(client, timing()));
		expect(events).toEqual([THOUGHT, TEXT, STOP]);
	});

	test("four times in all, which the error says", async () => {
		const down = Array.from({ length: 9 }, () => [unavailable()]);
		const client = playing("a", ...down);
		expect(await rejection(ask(withRetry(client, timing())))).toMatchObject({
			code: "llm_unavailable",
			message: "api.test said 529: overloaded (4 tries)",
			status: 529,
			hint: "Wait.",
		});
		expect(client.requests.length).toBe(4);
	});

	test("when it said it wants to be", async () => {
		const client = playing(
			"a",
			[unavailable({ retryAfterMs: 7000 })],
			[unavailable({ retryAfterMs: 0 })],
			[TEXT],
		);
		const clock = timing();
		expect(await ask(withRetry(client, clock))).toEqual([TEXT]);
		expect(clock.slept).toEqual([7000, 0]);
	});

	test("but not when that is later than the budget allows", async () => {
		const client = playing(
			"a",
			[unavailable({ retryAfterMs: 59_000 })],
			[unavailable({ retryAfterMs: 1001 })],
		);
		const clock = timing();
		expect(await rejection(ask(withRetry(client, clock)))).toMatchObject({
			message: "api.test said 529: overloaded (2 tries)",
		});
		expect(clock.slept).toEqual([59_000]);
	});
});

describe("a failure passes untouched", () => {
	const cases: [name: string, play: (StreamEvent | Error)[], error: Error][] =
		[];
	const after = (name: string, error: Error, ...events: StreamEvent[]) =>
		cases.push([name, [...events, error], error]);
	after("after text", unavailable(), TEXT);
	after("after a tool call", unavailable(), CALL);
	after("when trying again will not help", rejected());
	after(
		"when it is a fault of Aeon's own",
		new TypeError("x is not a function"),
	);
	for (const [name, play, error] of cases) {
		test(name, async () => {
			const client = playing("a", play, [TEXT]);
			const other = playing("b", [TEXT]);
			const whole = withFallbacks([withRetry(client, timing()), other]);
			expect(await rejection(ask(whole))).toBe(error);
			expect([client.requests.length, other.requests.length]).toEqual([1, 0]);
		});
	}
});

test("an abort while waiting to ask again rethrows its reason at once", async () => {
	const control = new AbortController();
	const reason = new Error("stopped by the person");
	const client = playing("a", [unavailable({ retryAfterMs: 50_000 })]);
	const retrying = withRetry(client);
	const asked = rejection(
		collect(retrying.streamCompletion(asking(), control.signal)),
	);
	setImmediate(() => control.abort(reason));
	expect(await asked).toBe(reason);
});

test("an abort counts more than a failure that comes with it", async () => {
	const control = new AbortController();
	const reason = new Error("stopped by the person");
	const client = withRetry(playing("a", [TEXT, unavailable()]), timing());
	const read = async () => {
		const stream = client.streamCompletion(asking(), control.signal);
		for await (const _ of stream) control.abort(reason);
	};
	expect(await rejection(read())).toBe(reason);
});

test("waiting without a clock of the test's own really waits", async () => {
	const client = playing("a", [unavailable({ retryAfterMs: 5 })], [TEXT]);
	const start = performance.now();
	expect(await ask(withRetry(client))).toEqual([TEXT]);
	expect(performance.now() - start).toBeGreaterThanOrEqual(4);
});

describe("a model with fallbacks", () => {
	test("has the name of the first, the smallest window and the longest answer, at most half of that window", () => {
		const sizes = (...labels: [string, ...string[]]) => {
			const [first, ...others] = labels.map((label) => playing(label));
			const client = withFallbacks([first as LlmClient, ...others]);
			const { label, contextWindow, maxAnswerTokens } = client;
			return [label, contextWindow, maxAnswerTokens];
		};
		expect(sizes("aaa", "b", "cc")).toEqual(["aaa", 1000, 300]);
		expect(sizes("aaaaaaa", "b")).toEqual(["aaaaaaa", 1000, 500]);
	});

	test("answers with the first that can, which gets no other provider's model name", async () => {
		const first = playing("a", [unavailable()]);
		const second = playing("b", [THOUGHT, unavailable()]);
		const third = playing("c", [TEXT, STOP]);
		const request = asking("hello", { model: "a-large" });
		const client = withFallbacks([first, second, third]);
		expect(await collect(client.streamCompletion(request, never))).toEqual([
			{ type: "fallback", label: "b", insteadOf: ["a"] },
			THOUGHT,
			{ type: "fallback", label: "c", insteadOf: ["a", "b"] },
			TEXT,
			STOP,
		]);
		expect(first.requests).toEqual([request]);
		expect(third.requests).toEqual([asking("hello")]);
	});

	test("says of each why it did not answer", async () => {
		const client = withFallbacks([
			withRetry(playing("a/1", [unavailable()], [unavailable()]), {
				...timing(),
				tries: 2,
			}),
			playing("b/2", [rejected()]),
			playing("c/3", [unavailable({ hint: undefined })]),
		]);
		expect(await rejection(ask(client))).toMatchObject({
			code: "llm_unavailable",
			message:
				"none of the models answered (a/1: api.test said 529: overloaded (2 tries); b/2: api.test said 401; c/3: api.test said 529: overloaded)",
			hint: "Wait.",
		});
	});

	test("and none of them is that model", () => {
		const only = playing("a");
		expect(withFallbacks([only])).toBe(only);
	});
});

test("a try after the first ends when the time for all of them is up, unless something of the answer is there", async () => {
	const hanging: LlmClient = {
		label: "slow",
		contextWindow: 1000,
		maxAnswerTokens: 100,
		async *streamCompletion(_request, signal) {
			if (first) {
				first = false;
				throw unavailable();
			}
			if (isVisible) yield TEXT;
			const { promise, reject } = Promise.withResolvers<never>();
			signal.addEventListener("abort", () => reject(signal.reason));
			if (isVisible) setTimeout(() => reject(rejected()), 60);
			await promise;
		},
	};
	const retried = withRetry(hanging, { budgetMs: 30, random: () => 0 });
	let first = true;
	let isVisible = false;
	expect(await rejection(ask(retried))).toMatchObject({
		message: expect.stringMatching(
			/^slow did not answer in time \([23] tries\)$/,
		),
	});
	first = true;
	isVisible = true;
	expect(await rejection(ask(retried))).toMatchObject({
		message: "api.test said 401",
	});
});
