import { afterEach, describe, expect, test } from "bun:test";
import * as z from "zod/mini";
import type { PromptMessage } from "../../src/llm/client.ts";
import { type OpenaiOptions, openai } from "../../src/llm/openai.ts";
import { buildOpenaiRequest } from "../../src/llm/openai_request.ts";
import { type FakeLlm, startFakeLlm } from "../support/fake_llm.ts";
import { ask, asking, createOpenai, KEY } from "./asking.ts";

let fake: FakeLlm | undefined;
afterEach(() => fake?.stop());

/** The request that goes out. */
async function sending(request = asking(), settings = {}, path = "") {
	fake?.stop();
	fake = await startFakeLlm({ api: "openai", script: () => ({}) });
	await ask(createOpenai(fake.url + path, settings), request);
	const [sent] = fake.requests;
	if (!sent) throw new Error(`refused: ${fake.breaches}`);
	return sent;
}

const IMAGE = { mimeType: "image/png", base64: "iVBORw0KGgo=" };
const WIRE_IMAGE = {
	type: "image_url",
	image_url: { url: "data:image/png;base64,iVBORw0KGgo=" },
};
const CALLS = [
	{ id: "a", name: "exec", input: { command: "ls" } },
	{ id: "b", name: "now", input: {} },
];
const WIRE_CALLS = [
	{
		id: "a",
		type: "function",
		function: { name: "exec", arguments: '{"command":"ls"}' },
	},
	{ id: "b", type: "function", function: { name: "now", arguments: "{}" } },
];
const result = (id: string, content: string, more = {}): PromptMessage => ({
	role: "tool",
	content,
	toolCallId: id,
	toolName: "any",
	...more,
});

describe("a request to Chat Completions", () => {
	test("has the key, the limit and a stream with usage", async () => {
		const parameters = { type: "object", properties: {} };
		const { path, headers, body } = await sending(
			asking("hello", {
				tools: [{ name: "now", description: "The time.", parameters }],
			}),
		);
		expect(path).toBe("/v1/chat/completions");
		expect(headers.authorization).toBe(`Bearer ${KEY}`);
		expect(body as object).toEqual({
			model: "gpt-1",
			max_tokens: 4096,
			stream: true,
			stream_options: { include_usage: true },
			messages: [
				{ role: "system", content: "Be kind." },
				{ role: "user", content: "hello" },
			],
			tools: [
				{
					type: "function",
					function: { name: "now", description: "The time.", parameters },
				},
			],
		});
	});

	test("goes to the same place with every way to write base_url", async () => {
		for (const [ending, path] of [
			["/", "/v1/chat/completions"],
			["/v1", "/v1/chat/completions"],
			["/v1//", "/v1/chat/completions"],
			["/v1/chat/completions", "/v1/chat/completions"],
			["/api/paas/v4", "/api/paas/v4/chat/completions"],
			["/openai?api-version=1", "/openai/chat/completions?api-version=1"],
		] as const) {
			expect((await sending(asking(), {}, ending)).path).toBe(path);
		}
	});

	test("has the settings that are set, and no key where there is none", async () => {
		const { headers, body } = await sending(
			asking("hello", { model: "gpt-2", system: "" }),
			{ api_key: undefined, temperature: 0, thinking: "low", max_tokens: 9 },
		);
		expect(headers).not.toHaveProperty("authorization");
		expect(body as object).toEqual({
			model: "gpt-2",
			max_tokens: 9,
			temperature: 0,
			reasoning_effort: "low",
			stream: true,
			stream_options: { include_usage: true },
			messages: [{ role: "user", content: "hello" }],
		});
	});

	test("leaves half of the window to the conversation", async () => {
		for (const [max_tokens, limit] of [
			[1000, 1000],
			[8000, 4096],
		]) {
			const settings = { context_window: 8192, max_tokens };
			const { body } = await sending(asking(), settings);
			expect(body.max_tokens).toBe(limit);
			const client = createOpenai("http://127.0.0.1:9", settings);
			expect(client.maxAnswerTokens).toBe(limit as number);
		}
	});

	test("to OpenAI itself has the limit by the name that reasoning models want", () => {
		const options = z.parse(openai.options, {
			model: "gpt-1",
		}) as OpenaiOptions;
		expect(options.base_url).toBe("https://api.openai.com/v1");
		const body = buildOpenaiRequest(asking(), "gpt-1", options);
		expect(body.max_completion_tokens).toBe(4096);
		expect(body).not.toHaveProperty("max_tokens");
	});

	test("has one message a result, and the pictures of all results after them", async () => {
		const { body } = await sending(
			asking([
				{ role: "user", content: "look", images: [IMAGE] },
				{ role: "assistant", content: "", toolCalls: CALLS },
				result("a", "a picture", { images: [IMAGE] }),
				result("b", "noon"),
				{ role: "user", content: "and?" },
				{ role: "assistant", content: "Nice." },
				{ role: "user", content: "one" },
				{ role: "user", content: "two" },
			]),
		);
		expect(body.messages.slice(1) as object[]).toEqual([
			{ role: "user", content: [{ type: "text", text: "look" }, WIRE_IMAGE] },
			{ role: "assistant", content: null, tool_calls: WIRE_CALLS },
			{ role: "tool", tool_call_id: "a", content: "a picture" },
			{ role: "tool", tool_call_id: "b", content: "noon" },
			{ role: "user", content: [WIRE_IMAGE, { type: "text", text: "and?" }] },
			{ role: "assistant", content: "Nice." },
			{ role: "user", content: "one\n\ntwo" },
		]);
	});

	test("gives reasoning back with the calls, under its own name and to its own model only", async () => {
		const messages = (replay: object, toolCalls = CALLS): PromptMessage[] => [
			{ role: "user", content: "go" },
			{
				role: "assistant",
				content: "So.",
				toolCalls,
				replay: {
					driver: "openai",
					model: "gpt-1",
					content: { reasoning: "Hm." },
					...replay,
				},
			},
			...toolCalls.map(({ id }) => result(id, "done")),
			{ role: "user", content: "more" },
		];
		const assistant = async (replay: object, calls = CALLS) =>
			(await sending(asking(messages(replay, calls)))).body.messages[2];
		const plain = { role: "assistant", content: "So." };
		const called = { ...plain, tool_calls: WIRE_CALLS };
		expect(await assistant({})).toEqual({ ...called, reasoning: "Hm." });
		expect(await assistant({ model: "gpt-0" })).toEqual(called);
		expect(await assistant({ driver: "anthropic" })).toEqual(called);
		expect(await assistant({ content: [1] })).toEqual(called);
		expect(await assistant({}, [])).toEqual(plain);
	});
});

test("settings that make no sense are refused before anything starts", () => {
	const good = { model: "m" };
	const bad = [
		{},
		{ model: "" },
		{ ...good, base_url: "localhost:11434" },
		{ ...good, thinking: "extreme" },
		{ ...good, api_key: " " },
	];
	expect(z.safeParse(openai.options, good).success).toBe(true);
	for (const settings of bad) {
		expect(z.safeParse(openai.options, settings).success).toBe(false);
	}
});
