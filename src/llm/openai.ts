// The driver for OpenAI's Chat Completions, as OpenAI, its rivals and local servers speak it.

import * as z from "zod/mini";
import { secret } from "../core/secret.ts";
import { streamAnswer } from "./answer.ts";
import type { LlmDriver } from "./client.ts";
import { OpenaiAnswer } from "./openai_answer.ts";
import { buildOpenaiRequest } from "./openai_request.ts";
import { readTimeouts, TIMEOUT_OPTIONS } from "./timeouts.ts";
import { contextWindow, limitAnswer } from "./window.ts";

const Options = z.object({
	model: z.string().check(z.minLength(1), z.describe("The model's id.")),
	api_key: z.optional(secret("The provider's key; local servers need none.")),
	base_url: z._default(
		z
			.url({ protocol: /^https?$/ })
			.check(z.describe("Where the API is, up to and with `/v1`.")),
		"https://api.openai.com/v1",
	),
	max_tokens: z._default(
		z
			.int()
			.check(
				z.positive(),
				z.describe(
					"Tokens an answer may have, its thinking included: at most half of `context_window`.",
				),
			),
		4096,
	),
	temperature: z.optional(
		z
			.number()
			.check(z.gte(0), z.lte(2), z.describe("Sent only where it is set.")),
	),
	thinking: z.optional(
		z
			.enum(["minimal", "low", "medium", "high"])
			.check(z.describe("How hard to think: sent as `reasoning_effort`.")),
	),
	context_window: contextWindow(128_000),
	...TIMEOUT_OPTIONS,
});

/** The settings of an agent whose provider speaks Chat Completions. */
export type OpenaiOptions = z.output<typeof Options>;

/** GPT, and every model behind the same API: OpenRouter, Mistral, DeepSeek, Ollama, llama.cpp, vLLM and so on. */
export const openai: LlmDriver<OpenaiOptions> = {
	options: Options,
	create(options) {
		const endpoint = {
			...farSide(options, "chat/completions"),
			timeouts: readTimeouts(options, new URL(options.base_url)),
		};
		return {
			label: `openai/${options.model}`,
			contextWindow: options.context_window,
			maxAnswerTokens: limitAnswer(options.max_tokens, options.context_window),
			streamCompletion(request, signal) {
				const model = request.model ?? options.model;
				const body = buildOpenaiRequest(request, model, options);
				const answer = new OpenaiAnswer(model, endpoint);
				return streamAnswer(endpoint, body, answer, signal);
			},
		};
	},
	async models(options, signal) {
		const { listModels } = await import("./models.ts");
		return listModels(farSide(options, "models"), signal);
	},
};

/**
 * Where the API is asked, by which key. A host alone means its `/v1`, as every server has it; any other path is taken at
 * its word.
 */
function farSide({ base_url, api_key }: OpenaiOptions, path: string) {
	const url = new URL(base_url);
	const root = url.pathname
		.replace(/\/+$/, "")
		.replace(/\/chat\/completions$/, "");
	url.pathname = `${root || "/v1"}/${path}`;
	return {
		url: url.href,
		host: url.host,
		headers: {
			...(api_key && { authorization: `Bearer ${api_key.reveal()}` }),
		},
		secrets: api_key ? [api_key] : [],
	};
}
