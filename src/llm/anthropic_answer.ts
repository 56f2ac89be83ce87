// One answer of Anthropic's Messages API, streamed or whole.

import { asCount, asList, asRecord, asText } from "../core/json.ts";
import {
	MODEL_STOP_REASONS,
	NO_USAGE,
	type StopReason,
	type ToolCall,
	type Usage,
} from "../core/message.ts";
import { type Answer, readArguments, takeId } from "./answer.ts";
import type { StreamEvent } from "./client.ts";
import { type FarSide, faultError, parseFault } from "./failure.ts";

interface Block {
	content: Record<string, unknown>;
	/** The input of a tool call, in the pieces it came in. Undefined while it came whole. */
	json?: string;
	closed?: boolean;
	/** Something came that Aeon does not know: the block cannot be given back as it was. */
	torn?: boolean;
}

const STOP_REASONS: ReadonlySet<string> = new Set(MODEL_STOP_REASONS);

/** Takes in the events of one answer; blocks that Aeon does not know are kept for the replay only. */
export class AnthropicAnswer implements Answer {
	readonly #asked: string;
	readonly #side: FarSide;
	readonly #blocks = new Map<unknown, Block>();
	#usage: Usage = NO_USAGE;
	#model: string;
	#stopReason = "";
	#detail: string | undefined;
	#ended = false;

	constructor(asked: string, side: FarSide) {
		this.#asked = asked;
		this.#model = asked;
		this.#side = side;
	}

	get state() {
		if (this.#ended) return "ended";
		return this.#stopReason ? "complete" : "open";
	}

	accept(event: Record<string, unknown>): StreamEvent[] {
		switch (event.type) {
			case "error":
				throw faultError(this.#side, parseFault(event));
			case "message":
				this.#ended = true;
				return this.#acceptMessage(event);
			case "message_start":
				return this.#acceptMessage(asRecord(event.message) ?? {});
			case "content_block_start":
				return this.#openBlock(event.index, asRecord(event.content_block));
			case "content_block_delta":
				return this.#growBlock(event.index, asRecord(event.delta));
			case "content_block_stop":
				this.#closeBlock(event.index);
				return [];
			case "message_delta":
				this.#acceptEnd(asRecord(event.delta) ?? {});
				this.#count(asRecord(event.usage));
				return [];
			case "message_stop":
				this.#ended = true;
				return [];
			default:
				// A proxy's own error object has no type. `ping` and unknown events mean nothing here.
				if (event.type === undefined && event.error) {
					throw faultError(this.#side, parseFault(event));
				}
				return [];
		}
	}

	finish(): StreamEvent[] {
		const calls = this.#finishCalls();
		const content = this.#replayContent();
		return [
			...calls.map((call) => ({ type: "tool_call" as const, call })),
			{ type: "usage", usage: this.#usage },
			{
				type: "stop",
				reason: STOP_REASONS.has(this.#stopReason)
					? (this.#stopReason as StopReason)
					: "end_turn",
				model: this.#model,
				...(content.length > 0 && {
					replay: { driver: "anthropic", model: this.#asked, content },
				}),
				...(this.#detail && { detail: this.#detail }),
			},
		];
	}

	/** A whole message, or the head of one. It may hold content already (programmatic tool calls), and may come twice. */
	#acceptMessage(message: Record<string, unknown>): StreamEvent[] {
		this.#model = asText(message.model) || this.#model;
		this.#count(asRecord(message.usage));
		this.#acceptEnd(message);
		return asList(message.content).flatMap((block, index) => {
			const shown = this.#openBlock(index, asRecord(block));
			this.#closeBlock(index);
			return shown;
		});
	}

	#openBlock(
		index: unknown,
		content: Record<string, unknown> = {},
	): StreamEvent[] {
		this.#blocks.set(index, { content });
		if (content.type === "text") return textDelta(content.text);
		if (content.type === "thinking") return thinkingDelta(content.thinking);
		return [];
	}

	#growBlock(
		index: unknown,
		delta: Record<string, unknown> = {},
	): StreamEvent[] {
		const block = this.#blocks.get(index);
		if (block === undefined) return [];
		const { content } = block;
		switch (delta.type) {
			case "text_delta":
				content.text = asText(content.text) + asText(delta.text);
				return textDelta(delta.text);
			case "thinking_delta":
				content.thinking = asText(content.thinking) + asText(delta.thinking);
				return thinkingDelta(delta.thinking);
			case "signature_delta":
				content.signature = delta.signature;
				return [];
			case "citations_delta":
				content.citations = [...asList(content.citations), delta.citation];
				return [];
			case "input_json_delta":
				block.json = (block.json ?? "") + asText(delta.partial_json);
				return [];
			default:
				block.torn = true;
				return [];
		}
	}

	#closeBlock(index: unknown) {
		const block = this.#blocks.get(index);
		if (block) block.closed = true;
	}

	#acceptEnd(message: Record<string, unknown>) {
		this.#stopReason = asText(message.stop_reason) || this.#stopReason;
		const details = asRecord(message.stop_details);
		this.#detail = asText(details?.explanation) || this.#detail;
	}

	/** Counts are totals: a later one replaces an earlier one, a missing one does not. */
	#count(usage: Record<string, unknown> = {}) {
		const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } =
			this.#usage;
		this.#usage = {
			inputTokens: asCount(usage.input_tokens) ?? inputTokens,
			outputTokens: asCount(usage.output_tokens) ?? outputTokens,
			cacheReadTokens:
				asCount(usage.cache_read_input_tokens) ?? cacheReadTokens,
			cacheWriteTokens:
				asCount(usage.cache_creation_input_tokens) ?? cacheWriteTokens,
		};
	}

	/** The calls in order; their blocks get the id and input that the calls have, so that both can be sent together. */
	#finishCalls(): ToolCall[] {
		const cut = this.#stopReason === "max_tokens";
		const taken = new Set<string>();
		return [...this.#blocks.values()].flatMap((block) => {
			const { content, json } = block;
			const whole = asRecord(content.input) ?? {};
			if (content.type !== "tool_use") {
				if (json) content.input = readArguments(json, false).input;
				return [];
			}
			// Streamed input begins as {}; only a head without any piece after it can have come whole.
			const streamed = json || Object.keys(whole).length === 0;
			const read = streamed ? readArguments(json ?? "", cut) : { input: whole };
			const id = takeId(asText(content.id), taken);
			Object.assign(content, { id, input: read.input });
			return [{ id, name: asText(content.name), ...read }];
		});
	}

	/** What the API takes back: no empty text, and no thinking that was cut before it was signed. */
	#replayContent(): Record<string, unknown>[] {
		return [...this.#blocks.values()]
			.filter(({ content, torn, closed }) => {
				if (torn || content.type === undefined) return false;
				if (content.type === "thinking") return closed;
				return content.type !== "text" || asText(content.text).trim() !== "";
			})
			.map(({ content }) => content);
	}
}

function textDelta(text: unknown): StreamEvent[] {
	const delta = asText(text);
	return delta ? [{ type: "text_delta", text: delta }] : [];
}

function thinkingDelta(text: unknown): StreamEvent[] {
	const delta = asText(text);
	return delta ? [{ type: "thinking_delta", text: delta }] : [];
}
