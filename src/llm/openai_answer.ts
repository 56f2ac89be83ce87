// One answer of Chat Completions, streamed or whole, as the world really sends it.

import { asCount, asList, asRecord, asText } from "../core/json.ts";
import {
	NO_USAGE,
	type StopReason,
	type ToolCall,
	type Usage,
} from "../core/message.ts";
import { type Answer, readArguments, takeId } from "./answer.ts";
import type { StreamEvent } from "./client.ts";
import { type FarSide, faultError, parseFault } from "./failure.ts";
import { OpenaiCalls } from "./openai_calls.ts";

const STOP_REASONS = new Map<string, StopReason>([
	["length", "max_tokens"],
	["content_filter", "refusal"],
]);

/** Where reasoning is found: DeepSeek and most local servers say the first, OpenRouter and some others the second. */
const REASONING_FIELDS = ["reasoning_content", "reasoning"];

/** Takes in the chunks of one answer. Only the first choice counts. */
export class OpenaiAnswer implements Answer {
	readonly #asked: string;
	readonly #side: FarSide;
	readonly #calls = new OpenaiCalls();
	readonly #reasoning: Record<string, string> = {};
	#usage: Usage = NO_USAGE;
	#model: string;
	#finishReason = "";
	#ended = false;

	constructor(asked: string, side: FarSide) {
		this.#asked = asked;
		this.#model = asked;
		this.#side = side;
	}

	get state() {
		if (this.#ended) return "ended";
		return this.#finishReason ? "complete" : "open";
	}

	accept(chunk: Record<string, unknown>): StreamEvent[] {
		const choice = asList(chunk.choices)
			.map(asRecord)
			.find((one) => (one?.index ?? 0) === 0);
		if (chunk.error || choice?.error) {
			throw faultError(this.#side, parseFault(chunk.error ? chunk : choice));
		}
		this.#model = asText(chunk.model) || this.#model;
		this.#count(asRecord(chunk.usage));
		if (choice === undefined) return [];
		const delta = asRecord(choice.delta);
		const events = this.#acceptDelta(delta ?? asRecord(choice.message) ?? {});
		this.#finishReason = asText(choice.finish_reason) || this.#finishReason;
		this.#ended = delta === undefined && choice.message !== undefined;
		return events;
	}

	finish(): StreamEvent[] {
		const calls = this.#finishCalls();
		return [
			...calls.map((call) => ({ type: "tool_call" as const, call })),
			{ type: "usage", usage: this.#usage },
			{
				type: "stop",
				reason: this.#stopReason(calls.length),
				model: this.#model,
				...(Object.keys(this.#reasoning).length > 0 && {
					replay: {
						driver: "openai",
						model: this.#asked,
						content: this.#reasoning,
					},
				}),
			},
		];
	}

	#acceptDelta(delta: Record<string, unknown>): StreamEvent[] {
		this.#calls.accept(delta.tool_calls, delta.function_call);
		return [
			...this.#acceptReasoning(delta),
			...readContent(delta.content),
			...event("text_delta", asText(delta.refusal)),
		];
	}

	/** Both fields may hold the same words: one is shown, under the name it came by it goes back with the tool calls. */
	#acceptReasoning(delta: Record<string, unknown>): StreamEvent[] {
		const field = REASONING_FIELDS.find((name) => asText(delta[name]));
		if (field === undefined) return [];
		const text = asText(delta[field]);
		this.#reasoning[field] = (this.#reasoning[field] ?? "") + text;
		return event("thinking_delta", text);
	}

	#count(usage: Record<string, unknown> | undefined) {
		if (usage === undefined) return;
		const details = asRecord(usage.prompt_tokens_details);
		this.#usage = {
			inputTokens: asCount(usage.prompt_tokens) ?? 0,
			outputTokens: asCount(usage.completion_tokens) ?? 0,
			cacheReadTokens: asCount(details?.cached_tokens) ?? 0,
			// Not OpenAI's own: OpenRouter tells it in one way, Vercel's gateway in the other.
			cacheWriteTokens:
				asCount(details?.cache_write_tokens) ??
				asCount(usage.cache_creation_input_tokens) ??
				0,
		};
	}

	#finishCalls(): ToolCall[] {
		const cut = this.#finishReason === "length";
		const taken = new Set<string>();
		return this.#calls.list().map(({ id, name, json }) => ({
			id: takeId(id, taken),
			name,
			...readArguments(json, cut),
		}));
	}

	#stopReason(calls: number): StopReason {
		const reason = STOP_REASONS.get(this.#finishReason);
		// Many servers say "stop" with calls in hand, and some "tool_calls" without any.
		return reason ?? (calls > 0 ? "tool_use" : "end_turn");
	}
}

/** Content is text, or nothing, or a list of parts (Mistral thinks in those). */
function readContent(content: unknown): StreamEvent[] {
	if (!Array.isArray(content)) return event("text_delta", asText(content));
	return content.flatMap((part) => {
		const { type, text, thinking } = asRecord(part) ?? {};
		if (type !== "thinking") return event("text_delta", asText(text));
		const pieces = Array.isArray(thinking)
			? thinking.map((piece) => asText(asRecord(piece)?.text))
			: [asText(thinking)];
		return event("thinking_delta", pieces.join(""));
	});
}

function event(
	type: "text_delta" | "thinking_delta",
	text: string,
): StreamEvent[] {
	return text ? [{ type, text }] : [];
}
