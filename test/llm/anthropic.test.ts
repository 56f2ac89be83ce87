import { afterEach, describe, expect, test } from "bun:test";
import * as z from "zod/mini";
import { anthropic } from "../../src/llm/anthropic.ts";
import type { PromptMessage } from "../../src/llm/client.ts";
import { type FakeLlm, startFakeLlm } from "../support/fake_llm.ts";
import { ask, asking, createAnthropic, KEY } from "./asking.ts";

let fake: FakeLlm | undefined;
afterEach(() => fake?.stop());

const CONTENT = [
	{ type: "thinking", thinking: "Read, then say.", signature: "c2lnbmVk" },
	{ type: "text", text: "Żółw 🐢." },
	{ type: "tool_use", id: "toolu_4", name: "exec", input: { command: "ls" } },
	{ type: "tool_use", id: "toolu_5", name: "now", input: {} },
];
const REPLAY = { driver: "anthropic", model: "claude-1", content: CONTENT };
const CALLS = [
	{ id: "toolu_4", name: "exec", input: { command: "ls" } },
	{ id: "toolu_5", name: "now", input: {} },
];
const IMAGE = { mimeType: "image/png", base64: "iVBORw0KGgo=" };
const WIRE_IMAGE = {
	type: "image",
	source: { type: "base64", media_type: "image/png", data: IMAGE.base64 },
};
const CACHED = { cache_control: { type: "ephemeral" } };
const result = (id: string, content: string, more = {}): PromptMessage => ({
	role: "tool",
	content,
	toolCallId: id,
	toolName: "any",
	...more,
});

/** The request that goes out. */
async function sending(request = asking(), settings = {}) {
	fake?.stop();
	fake = await startFakeLlm({ api: "anthropic", script: () => ({}) });
	await ask(createAnthropic(fake.url, settings), request);
	const [sent] = fake.requests;
	if (!sent) throw new Error(`refused: ${fake.breaches}`);
	return sent;
}

describe("a request to Claude", () => {
	test("has the key, the version, the limits, and marks for the cache", async () => {
		const now = { type: "object", properties: {} };
		const { path, headers, body } = await sending(
			asking("hello", {
				tools: [
					{ name: "a", description: "A.", parameters: now },
					{ name: "b", description: "B.", parameters: now },
				],
			}),
		);
		expect(path).toBe("/v1/messages");
		expect(headers).toMatchObject({
			"x-api-key": KEY,
			"anthropic-version": "2023-06-01",
			"content-type": "application/json",
		});
		expect(body as object).toEqual({
			model: "claude-1",
			max_tokens: 4096,
			stream: true,
			system: [{ type: "text", text: "Be kind.", ...CACHED }],
			tools: [
				{ name: "a", description: "A.", input_schema: now },
				{ name: "b", description: "B.", input_schema: now, ...CACHED },
			],
			messages: [
				{ role: "user", content: [{ type: "text", text: "hello", ...CACHED }] },
			],
		});
	});

	test("goes to the same place with every way to write base_url", async () => {
		for (const [ending, path] of [
			["/", "/v1/messages"],
			["/v1", "/v1/messages"],
			["/v1/", "/v1/messages"],
			["/v1/messages", "/v1/messages"],
			["/proxy/anthropic", "/proxy/anthropic/v1/messages"],
		] as const) {
			fake?.stop();
			fake = await startFakeLlm({ api: "anthropic", script: () => ({}) });
			await ask(createAnthropic(fake.url + ending));
			expect(fake.requests[0]?.path).toBe(path);
		}
	});

	test("asks for another model where the request names one", async () => {
		const { body } = await sending(asking("hello", { model: "claude-2" }));
		expect(body.model).toBe("claude-2");
	});

	test("puts results first, pictures inside them, and joins what the user says in a row", async () => {
		const { body } = await sending(
			asking([
				{ role: "user", content: "look", images: [IMAGE] },
				{ role: "assistant", content: "Looking.", toolCalls: CALLS },
				result("toolu_4", "a picture", { images: [IMAGE] }),
				result("toolu_5", "no clock", { isError: true }),
				{ role: "user", content: "and?" },
			]),
		);
		expect(body.messages as object[]).toEqual([
			{ role: "user", content: [{ type: "text", text: "look" }, WIRE_IMAGE] },
			{
				role: "assistant",
				content: [
					{ type: "text", text: "Looking." },
					...CALLS.map((call) => ({ type: "tool_use", ...call })),
				],
			},
			{
				role: "user",
				content: [
					{
						type: "tool_result",
						tool_use_id: "toolu_4",
						content: [{ type: "text", text: "a picture" }, WIRE_IMAGE],
					},
					{
						type: "tool_result",
						tool_use_id: "toolu_5",
						content: "no clock",
						is_error: true,
					},
					{ type: "text", text: "and?", ...CACHED },
				],
			},
		]);
	});

	const loop = (more = {}, calls = CALLS): PromptMessage[] => [
		{ role: "user", content: "go" },
		{ role: "assistant", content: "Żółw 🐢.", toolCalls: calls, ...more },
		...calls.map(({ id }) => result(id, "done")),
	];
	const rebuilt = CONTENT.filter(({ type }) => !type.includes("thinking"));

	test("gives an answer back verbatim to the model that gave it", async () => {
		const { body } = await sending(asking(loop({ replay: REPLAY })));
		expect(body.messages[1]?.content as object[]).toEqual(CONTENT);
	});

	test("leaves the thinking out for every other model, and where the calls are others now", async () => {
		for (const [messages, model] of [
			[loop({ replay: REPLAY }), "claude-2"],
			[loop({ replay: { ...REPLAY, driver: "openai" } }), undefined],
			[loop({ replay: { ...REPLAY, model: "claude-0" } }), undefined],
			[loop({ replay: { ...REPLAY, content: "?" } }), undefined],
		] as const) {
			const { body } = await sending(asking([...messages], { model }));
			expect(body.messages[1]?.content as object[]).toEqual(rebuilt);
		}
		const fewer = loop({ replay: REPLAY }, CALLS.slice(0, 1));
		const { body } = await sending(asking(fewer));
		expect(body.messages[1]?.content as object[]).toEqual(rebuilt.slice(0, 2));
	});

	test("gives foreign ids letters that Anthropic takes, also in what goes back verbatim", async () => {
		const calls = [
			{ id: "functions.exec:0", name: "exec", input: {} },
			{ id: "toolu_1", name: "exec", input: {} },
		];
		const content = calls.map((call) => ({ type: "tool_use", ...call }));
		for (const replay of [undefined, { ...REPLAY, content }]) {
			const { body } = await sending(asking(loop({ replay }, calls)));
			const ids = body.messages.map(({ content }) =>
				Array.isArray(content)
					? content.flatMap(({ id, tool_use_id }) => id ?? tool_use_id ?? [])
					: [],
			);
			const clean = ["functions_2eexec_3a0", "toolu_1"];
			expect(ids).toEqual([[], clean, clean]);
		}
	});

	test("sends the temperature only where it is set, and never along with thinking", async () => {
		expect((await sending()).body).not.toHaveProperty("temperature");
		const warm = { temperature: 0.5 };
		expect((await sending(asking(), warm)).body.temperature).toBe(0.5);
		const thinking = { ...warm, thinking: 2000, max_tokens: 1000 };
		const { body } = await sending(asking(), thinking);
		expect(body).not.toHaveProperty("temperature");
		expect(body).toMatchObject({
			max_tokens: 3000,
			thinking: { type: "enabled", budget_tokens: 2000 },
		});
		const adaptive = await sending(asking(), { thinking: "adaptive" });
		expect(adaptive.body).toMatchObject({
			max_tokens: 4096,
			thinking: { type: "adaptive" },
		});
	});

	test("leaves half of the window to the conversation: thinking gives way to text, and ends below the API's least", async () => {
		const sizes = async (max_tokens: number, thinking?: number | string) => {
			const settings = { context_window: 8192, max_tokens, thinking };
			const { body } = await sending(asking(), settings);
			const client = createAnthropic("http://127.0.0.1:9", settings);
			const { budget_tokens } = Object(body.thinking);
			return [client.maxAnswerTokens, body.max_tokens, budget_tokens];
		};
		expect(await sizes(1000)).toEqual([1000, 1000, undefined]);
		expect(await sizes(8000)).toEqual([4096, 4096, undefined]);
		expect(await sizes(1000, "adaptive")).toEqual([1000, 1000, undefined]);
		expect(await sizes(1000, 2000)).toEqual([3000, 3000, 2000]);
		expect(await sizes(1000, 9000)).toEqual([4096, 4096, 3096]);
		expect(await sizes(3500, 9000)).toEqual([3500, 3500, undefined]);
	});

	test("does not think in the middle of a tool loop that began without", async () => {
		const thinking = { thinking: 2000 };
		const bare = await sending(asking(loop()), thinking);
		expect(bare.body).not.toHaveProperty("thinking");
		const thought = await sending(asking(loop({ replay: REPLAY })), thinking);
		expect(thought.body).toHaveProperty("thinking");
		const next: PromptMessage[] = [
			...loop(),
			{ role: "assistant", content: "Done." },
			{ role: "user", content: "more" },
		];
		expect((await sending(asking(next), thinking)).body).toHaveProperty(
			"thinking",
		);
	});
});

test("settings that make no sense are refused before anything starts", () => {
	const good = { model: "m", api_key: "k" };
	const bad = [
		{ model: "m" },
		{ ...good, base_url: "api.anthropic.com" },
		{ ...good, base_url: "file:///etc" },
		{ ...good, thinking: 100 },
		{ ...good, thinking: "hard" },
		{ ...good, max_tokens: 0 },
		{ ...good, temperature: 3 },
		{ ...good, silence_timeout_ms: -1 },
	];
	expect(z.safeParse(anthropic.options, good).success).toBe(true);
	for (const settings of bad) {
		expect(z.safeParse(anthropic.options, settings).success).toBe(false);
	}
});
