// The driver for Anthropic's Messages API, and whatever speaks like it.

import * as z from "zod/mini";
import { secret } from "../core/secret.ts";
import { streamAnswer } from "./answer.ts";
import { AnthropicAnswer } from "./anthropic_answer.ts";
import {
	answerTokens,
	buildAnthropicRequest,
	MIN_THINKING_TOKENS,
} from "./anthropic_request.ts";
import type { LlmDriver } from "./client.ts";
import { readTimeouts, TIMEOUT_OPTIONS } from "./timeouts.ts";
import { contextWindow } from "./window.ts";

const API_VERSION = "2023-06-01";

const Options = z.object({
	model: z.string().check(z.minLength(1), z.describe("The model's id.")),
	api_key: secret("The key from console.anthropic.com."),
	max_tokens: z._default(
		z
			.int()
			.check(
				z.positive(),
				z.describe(
					"Tokens an answer may have: with its thinking at most half of `context_window`.",
				),
			),
		4096,
	),
	base_url: z._default(
		z
			.url({ protocol: /^https?$/ })
			.check(z.describe("Where the API is, with or without `/v1`.")),
		"https://api.anthropic.com",
	),
	temperature: z.optional(
		z
			.number()
			.check(
				z.gte(0),
				z.lte(1),
				z.describe("Sent only where it is set, and never along with thinking."),
			),
	),
	thinking: z.optional(
		z
			.union([z.int().check(z.gte(MIN_THINKING_TOKENS)), z.literal("adaptive")])
			.check(
				z.describe(
					"Tokens to think with, on top of `max_tokens`; or `adaptive`, where the model decides within `max_tokens`.",
				),
			),
	),
	context_window: contextWindow(200_000),
	...TIMEOUT_OPTIONS,
});

/** The settings of an agent whose provider is Anthropic. */
export type AnthropicOptions = z.output<typeof Options>;

/** Claude. */
export const anthropic: LlmDriver<AnthropicOptions> = {
	options: Options,
	create(options) {
		const endpoint = {
			...farSide(options, "messages"),
			timeouts: readTimeouts(options, new URL(options.base_url)),
		};
		return {
			label: `anthropic/${options.model}`,
			contextWindow: options.context_window,
			maxAnswerTokens: answerTokens(options),
			streamCompletion(request, signal) {
				const model = request.model ?? options.model;
				const body = buildAnthropicRequest(request, model, options);
				const answer = new AnthropicAnswer(model, endpoint);
				return streamAnswer(endpoint, body, answer, signal);
			},
		};
	},
	async models(options, signal) {
		const { listModels } = await import("./models.ts");
		const list = farSide(options, "models");
		return listModels({ ...list, url: `${list.url}?limit=1000` }, signal);
	},
};

/** Where the API is asked, by which key. */
function farSide({ base_url, api_key }: AnthropicOptions, path: string) {
	const url = new URL(base_url);
	const root = url.pathname
		.replace(/\/+$/, "")
		.replace(/(\/v1)?(\/messages)?$/, "");
	url.pathname = `${root}/v1/${path}`;
	return {
		url: url.href,
		host: url.host,
		headers: {
			"x-api-key": api_key.reveal(),
			"anthropic-version": API_VERSION,
		},
		secrets: [api_key],
	};
}
