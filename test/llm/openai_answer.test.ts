import { afterEach, describe, expect, test } from "bun:test";
import type { StreamEvent } from "../../src/llm/client.ts";
import { ask, failure } from "./asking.ts";
import {
	answering,
	call,
	DONE,
	host,
	reading,
	say,
	stopFake,
	stream,
} from "./openai_chunks.ts";

afterEach(stopFake);

const USAGE = {
	prompt_tokens: 30,
	completion_tokens: 4,
	prompt_tokens_details: { cached_tokens: 20, cache_write_tokens: 1 },
};
const COUNTED = {
	inputTokens: 30,
	outputTokens: 4,
	cacheReadTokens: 20,
	cacheWriteTokens: 1,
};

const WHOLE = [
	": OPENROUTER PROCESSING\n\n",
	say({ role: "assistant", content: "", reasoning_content: "Hm " }),
	say({ reasoning_content: "🐢." }),
	say({ content: "Żółw" }),
	say({ content: " 🐢." }),
	call(0, { id: "call_a", function: { name: "file_read", arguments: "" } }),
	call(0, { function: { arguments: '{"path": "NO' } }),
	call(1, { id: "call_b", function: { name: "now", arguments: "{}" } }),
	call(0, { function: { arguments: 'TES.md"}' } }),
	say({}, "tool_calls"),
	{ choices: [], usage: USAGE },
	DONE,
];
const EVENTS: StreamEvent[] = [
	{ type: "thinking_delta", text: "Hm 🐢." },
	{ type: "text_delta", text: "Żółw 🐢." },
	{
		type: "tool_call",
		call: { id: "call_a", name: "file_read", input: { path: "NOTES.md" } },
	},
	{ type: "tool_call", call: { id: "call_b", name: "now", input: {} } },
	{ type: "usage", usage: COUNTED },
	{
		type: "stop",
		reason: "tool_use",
		model: "gpt-1-2026",
		replay: {
			driver: "openai",
			model: "gpt-1",
			content: { reasoning_content: "Hm 🐢." },
		},
	},
];

describe("an answer of Chat Completions", () => {
	test("is text and thinking as they come, then calls, usage, stop and what to give back", async () => {
		expect(await reading(...WHOLE)).toEqual(EVENTS);
	});

	test("is the same byte by byte, with other ends of lines, and without the last one", async () => {
		const raw = stream(...WHOLE);
		for (const form of [raw, raw.replaceAll("\n", "\r\n"), raw.trimEnd()]) {
			const client = await answering({ raw: form, bytesPerWrite: 1 });
			expect(await ask(client)).toEqual(EVENTS);
		}
	});

	test("is the same when it comes whole as JSON", async () => {
		const raw = JSON.stringify({
			object: "chat.completion",
			model: "gpt-1-2026",
			choices: [
				{
					message: {
						role: "assistant",
						content: "Żółw 🐢.",
						reasoning_content: "Hm 🐢.",
						tool_calls: [
							{
								id: "call_a",
								type: "function",
								function: {
									name: "file_read",
									arguments: '{"path":"NOTES.md"}',
								},
							},
							{ id: "call_b", function: { name: "now", arguments: "{}" } },
						],
					},
				},
			],
			usage: USAGE,
		});
		const headers = { "content-type": "application/json" };
		expect(await ask(await answering({ raw, headers }))).toEqual(EVENTS);
	});

	test("cut anywhere before its end, is a failure without a call", async () => {
		const raw = new TextEncoder().encode(stream(...WHOLE.slice(0, -3)));
		let at = 0;
		const client = await answering(() => ({ raw: raw.subarray(0, at) }));
		for (; at <= raw.length; at += 7) {
			expect(await failure(ask(client))).toEqual({
				code: "llm_unavailable",
				message: `the answer of ${host()} broke off`,
			});
		}
	});

	test("with an unreadable chunk in its middle is a failure, since something is missing", async () => {
		const chunks = ["data: {oops\n\n", say({ content: "lo" }, "stop"), DONE];
		expect(
			await failure(reading(say({ content: "Hel" }), ...chunks)),
		).toMatchObject({ code: "llm_unavailable" });
	});

	test("is whole with [DONE] or a reason to stop, however the connection ends", async () => {
		const noReason = WHOLE.toSpliced(9, 1);
		expect(await reading(...noReason)).toEqual(EVENTS);
		const raw = stream(...WHOLE.slice(0, -1));
		for (const ending of ["close", "reset", undefined] as const) {
			expect(await ask(await answering({ raw, ending }))).toEqual(EVENTS);
		}
	});

	test("has usage wherever the server puts it", async () => {
		const hello = say({ content: "Hello." });
		const stop = say({}, "stop");
		const expected = [
			{ type: "text_delta", text: "Hello." },
			{ type: "usage", usage: COUNTED },
			{ type: "stop", reason: "end_turn", model: "gpt-1-2026" },
		];
		for (const chunks of [
			[hello, { ...stop, usage: USAGE }],
			[hello, stop, { usage: USAGE }],
			[{ ...hello, usage: null }, stop, { choices: null, usage: USAGE }],
		]) {
			expect((await reading(...chunks, DONE)) as object[]).toEqual(expected);
		}
	});

	test("is that of the first choice only", async () => {
		const other = { choices: [{ index: 1, delta: { content: "Other" } }] };
		const none = { choices: [{ delta: { content: "Hello" } }] };
		const events = await reading(other, none, other, say({}, "stop"), DONE);
		expect(events[0]).toEqual({ type: "text_delta", text: "Hello" });
	});
});

describe("content", () => {
	test("may be parts, in which Mistral thinks", async () => {
		const thinking = [{ type: "text", text: "Hm." }];
		const events = await reading(
			say({ content: [{ type: "thinking", thinking }] }),
			say({ content: [{ type: "text", text: "Hello" }] }),
			say({ content: null }),
			say(null),
			say({ content: "." }, "stop"),
		);
		expect(events.slice(0, 2)).toEqual([
			{ type: "thinking_delta", text: "Hm." },
			{ type: "text_delta", text: "Hello." },
		]);
		expect(events.at(-1)).not.toHaveProperty("replay");
	});

	test("may be a refusal, which is said as text and stops as the model says", async () => {
		const events = await reading(
			say({ refusal: "I can't." }),
			say({}, "stop"),
			DONE,
		);
		expect(events[0]).toEqual({ type: "text_delta", text: "I can't." });
		expect(events.at(-1)).toMatchObject({ reason: "end_turn" });
	});

	test("in both fields for reasoning is shown once", async () => {
		const events = await reading(
			say({ reasoning: "Hm.", reasoning_content: "Hm." }),
			say({ reasoning: "" }, "stop"),
		);
		expect(events[0]).toEqual({ type: "thinking_delta", text: "Hm." });
		expect(events.at(-1)).toMatchObject({
			replay: { content: { reasoning_content: "Hm." } },
		});
	});
});

describe("the reason to stop", () => {
	const now = call(0, { id: "a", function: { name: "now", arguments: "{}" } });
	for (const [word, alone, withCall] of [
		["stop", "end_turn", "tool_use"],
		["length", "max_tokens", "max_tokens"],
		["tool_calls", "end_turn", "tool_use"],
		["function_call", "end_turn", "tool_use"],
		["content_filter", "refusal", "refusal"],
		["something_new", "end_turn", "tool_use"],
	] as const) {
		test(`${word} is ${alone}, with a call ${withCall}`, async () => {
			const end = say({}, word);
			expect((await reading(end)).at(-1)).toMatchObject({ reason: alone });
			const called = await reading(now, end);
			expect(called.at(-1)).toMatchObject({ reason: withCall });
		});
	}
});

describe("an error with status 200", () => {
	const error = (rest: object) => ({ message: "Sorry", ...rest });
	const cases: [chunk: object, code: string, said: string][] = [
		[{ error: error({ code: 502 }) }, "llm_unavailable", "said 502"],
		[{ error: error({ code: 400 }) }, "llm_rejected", "said 400"],
		[
			{ error: error({ type: "server_error" }) },
			"llm_unavailable",
			"said server_error",
		],
		[
			{ error: error({ code: "context_length_exceeded" }) },
			"llm_rejected",
			"said context_length_exceeded",
		],
		[{ error: "Sorry" }, "llm_unavailable", "failed"],
		[
			{ choices: [{ delta: {}, error: error({ code: 429 }) }] },
			"llm_unavailable",
			"said 429",
		],
	];
	for (const [chunk, code, said] of cases) {
		test(`like ${JSON.stringify(chunk)} is ${code}, in a stream and alone`, async () => {
			const message = () => `${host()} ${said}: Sorry`;
			const streamed = await failure(
				reading(say({ content: "He" }, "stop"), chunk, DONE),
			);
			expect(streamed).toEqual({ code, message: message() });
			const raw = JSON.stringify(chunk);
			const alone = await failure(ask(await answering({ raw })));
			expect(alone).toEqual({ code, message: message() });
		});
	}
});
