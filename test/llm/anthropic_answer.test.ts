import { afterEach, describe, expect, test } from "bun:test";
import type { StopReason } from "../../src/core/message.ts";
import type { StreamEvent } from "../../src/llm/client.ts";
import {
	answering,
	close,
	delta,
	end,
	host,
	json,
	NO_USAGE,
	reading,
	STOPPED,
	start,
	stopFake,
	stream,
	tool,
} from "./anthropic_events.ts";
import { ask, failure } from "./asking.ts";

afterEach(stopFake);

const WHOLE = [
	{
		type: "message_start",
		message: {
			model: "claude-1-20260101",
			content: [],
			stop_reason: null,
			usage: {
				input_tokens: 12,
				output_tokens: 1,
				cache_read_input_tokens: 100,
				cache_creation_input_tokens: 7,
			},
		},
	},
	{ type: "ping" },
	start(0, { type: "thinking", thinking: "", signature: "" }),
	delta(0, { type: "thinking_delta", thinking: "Read, " }),
	delta(0, { type: "thinking_delta", thinking: "then say." }),
	delta(0, { type: "signature_delta", signature: "c2lnbmVk" }),
	close(0),
	start(1, { type: "redacted_thinking", data: "aGlkZGVu" }),
	close(1),
	start(2, { type: "text", text: "" }),
	close(2),
	start(3, { type: "text", text: "" }),
	delta(3, { type: "text_delta", text: "Żółw " }),
	delta(3, { type: "text_delta", text: "🐢." }),
	close(3),
	tool(4, "file_read"),
	json(4, ""),
	json(4, '{"path": "NO'),
	json(4, 'TES.md"}'),
	close(4),
	tool(5, "now"),
	json(5, ""),
	close(5),
	{
		...end("tool_use", { stop_sequence: null }),
		usage: { output_tokens: 42, cache_creation_input_tokens: 8 },
	},
	STOPPED,
];
const CONTENT = [
	{ type: "thinking", thinking: "Read, then say.", signature: "c2lnbmVk" },
	{ type: "redacted_thinking", data: "aGlkZGVu" },
	{ type: "text", text: "Żółw 🐢." },
	{
		type: "tool_use",
		id: "toolu_4",
		name: "file_read",
		input: { path: "NOTES.md" },
	},
	{ type: "tool_use", id: "toolu_5", name: "now", input: {} },
];
const REPLAY = { driver: "anthropic", model: "claude-1", content: CONTENT };
const CALLS = [
	{ id: "toolu_4", name: "file_read", input: { path: "NOTES.md" } },
	{ id: "toolu_5", name: "now", input: {} },
];
const EVENTS: StreamEvent[] = [
	{ type: "thinking_delta", text: "Read, then say." },
	{ type: "text_delta", text: "Żółw 🐢." },
	...CALLS.map((call) => ({ type: "tool_call" as const, call })),
	{
		type: "usage",
		usage: {
			inputTokens: 12,
			outputTokens: 42,
			cacheReadTokens: 100,
			cacheWriteTokens: 8,
		},
	},
	{
		type: "stop",
		reason: "tool_use",
		model: "claude-1-20260101",
		replay: REPLAY,
	},
];

describe("an answer of Claude", () => {
	test("is text and thinking as they come, then calls, usage, stop and what to give back", async () => {
		expect(await reading(...WHOLE)).toEqual(EVENTS);
	});

	test("is the same when every byte comes alone", async () => {
		const raw = stream(...WHOLE);
		const client = await answering({ raw, bytesPerWrite: 1 });
		expect(await ask(client)).toEqual(EVENTS);
	});

	test("is the same when it comes whole as JSON", async () => {
		const [{ message = {} } = {}] = WHOLE as { message?: object }[];
		const usage = {
			input_tokens: 12,
			output_tokens: 42,
			cache_read_input_tokens: 100,
			cache_creation_input_tokens: 8,
		};
		const raw = JSON.stringify({
			...message,
			type: "message",
			content: CONTENT,
			stop_reason: "tool_use",
			usage,
		});
		const headers = { "content-type": "application/json" };
		expect(await ask(await answering({ raw, headers }))).toEqual(EVENTS);
	});

	test("cut anywhere before its reason to stop, is a failure without a call", async () => {
		const raw = new TextEncoder().encode(stream(...WHOLE));
		const ending = stream(...WHOLE.slice(-2)).length;
		let at = 0;
		const client = await answering(() => ({ raw: raw.subarray(0, at) }));
		for (; at < raw.length - ending; at += 7) {
			expect(await failure(ask(client))).toEqual({
				code: "llm_unavailable",
				message: `the answer of ${host()} broke off`,
			});
		}
	});

	test("is whole once it has its reason to stop, however the connection ends", async () => {
		const raw = stream(...WHOLE.slice(0, -1));
		for (const ending of ["close", "reset", undefined] as const) {
			expect(await ask(await answering({ raw, ending }))).toEqual(EVENTS);
		}
		const halfEvent = `${raw}event: message_stop\ndata: {"ty`;
		expect(await ask(await answering({ raw: halfEvent }))).toEqual(EVENTS);
	});

	test("is not disturbed by a head that comes twice, or by events and blocks nobody knows", async () => {
		const [head, ...rest] = WHOLE;
		const events = await reading(
			head as object,
			head as object,
			{ type: "brand_new", index: 3 },
			start(9, {
				type: "server_tool_use",
				id: "s1",
				name: "search",
				input: {},
			}),
			json(9, '{"q": 1}'),
			close(9),
			...rest,
		);
		expect(events.slice(0, -1)).toEqual(EVENTS.slice(0, -1));
	});

	test("does not give back a block with a piece nobody knows", async () => {
		const events = await reading(
			start(0, { type: "text", text: "" }),
			delta(0, { type: "text_delta", text: "Hello." }),
			start(1, { type: "brand_new" }),
			delta(1, { type: "brand_new_delta", more: 1 }),
			end("end_turn"),
		);
		expect(events.at(-1)).toMatchObject({
			replay: { content: [{ type: "text", text: "Hello." }] },
		});
	});

	test("keeps its reason to stop where later news has none", async () => {
		const events = await reading(end("refusal"), end(null), STOPPED);
		expect(events.at(-1)).toMatchObject({ reason: "refusal" });
	});

	test("may hold its calls in its head", async () => {
		const call = { type: "tool_use", id: "t", name: "roll", input: { n: 2 } };
		const message = { content: [call], stop_reason: "tool_use" };
		expect(
			(await reading({ type: "message_start", message }, STOPPED))[0],
		).toEqual({
			type: "tool_call",
			call: { id: "t", name: "roll", input: { n: 2 } },
		});
	});

	test("gets ids for calls that have none, or one twice", async () => {
		const same = (index: number, id?: string) =>
			start(index, { type: "tool_use", id, name: "now", input: {} });
		const events = await reading(
			same(0),
			same(1, "a"),
			same(2, "a"),
			end("tool_use"),
		);
		const ids = events.flatMap((event) =>
			event.type === "tool_call" ? [event.call.id] : [],
		);
		expect(ids).toEqual(["call_1", "a", "call_2"]);
	});
});

describe("the reason to stop", () => {
	const reasons: [word: string, reason: StopReason][] = [
		["end_turn", "end_turn"],
		["max_tokens", "max_tokens"],
		["tool_use", "tool_use"],
		["stop_sequence", "stop_sequence"],
		["pause_turn", "pause_turn"],
		["refusal", "refusal"],
		["model_context_window_exceeded", "model_context_window_exceeded"],
		["something_new", "end_turn"],
	];
	for (const [word, reason] of reasons) {
		test(`${word} is ${reason}`, async () => {
			expect(await reading(end(word), STOPPED)).toEqual([
				{ type: "usage", usage: NO_USAGE },
				{ type: "stop", reason, model: "claude-1" },
			]);
		});
	}

	test("refusal says why", async () => {
		const explanation = "Not about that.";
		const stop_details = { type: "refusal", explanation };
		expect(
			(await reading(end("refusal", { stop_details }), STOPPED)).at(-1),
		).toMatchObject({ reason: "refusal", detail: explanation });
	});
});
