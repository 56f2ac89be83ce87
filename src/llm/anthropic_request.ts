// What Aeon asks, as a request of Anthropic's Messages API.

import { asList, asRecord, asText } from "../core/json.ts";
import type { AssistantMessage, ToolMessage } from "../core/message.ts";
import type { AnthropicOptions } from "./anthropic.ts";
import type { CompletionRequest, ImageData, PromptMessage } from "./client.ts";
import { limitAnswer } from "./window.ts";

type Block = Record<string, unknown>;

interface WireMessage {
	role: "user" | "assistant";
	content: Block[];
}

/** The smallest budget for thinking that the API takes. */
export const MIN_THINKING_TOKENS = 1024;

const CACHED = { cache_control: { type: "ephemeral" } };

/**
 * The body of the request. System and tools are the same bytes for every request of a session; the marks for the
 * provider's cache are on both and on the last message.
 */
export function buildAnthropicRequest(
	request: CompletionRequest,
	model: string,
	options: AnthropicOptions,
): Record<string, unknown> {
	const messages = buildMessages(request.messages, model);
	const thinking = chooseThinking(options, messages);
	return {
		model,
		max_tokens: textTokens(options) + (thinking?.budget_tokens ?? 0),
		stream: true,
		...(request.system && {
			system: [{ type: "text", text: request.system, ...CACHED }],
		}),
		...(request.tools.length > 0 && {
			tools: request.tools.map(({ name, description, parameters }, index) => ({
				name,
				description,
				input_schema: parameters,
				...(index === request.tools.length - 1 && CACHED),
			})),
		}),
		...(thinking && { thinking }),
		...(options.thinking === undefined &&
			options.temperature !== undefined && {
				temperature: options.temperature,
			}),
		messages: markLast(messages),
	};
}

/** Tokens of the window that an answer may take: its text and, before that, its thinking. */
export function answerTokens(options: AnthropicOptions): number {
	return textTokens(options) + thinkingTokens(options);
}

function textTokens({ max_tokens, context_window }: AnthropicOptions): number {
	return limitAnswer(max_tokens, context_window);
}

/** The budget for thinking: as much of the wish as the text leaves, none where that is less than the API takes. */
function thinkingTokens(options: AnthropicOptions): number {
	const { thinking, max_tokens, context_window } = options;
	if (typeof thinking !== "number") return 0;
	const both = limitAnswer(max_tokens + thinking, context_window);
	const budget = both - textTokens(options);
	return budget < MIN_THINKING_TOKENS ? 0 : budget;
}

/**
 * A budget is refused while a tool loop is open whose calls came without thinking (from another model, or before a
 * restart): that loop is then finished without.
 */
function chooseThinking(
	options: AnthropicOptions,
	messages: WireMessage[],
): { type: string; budget_tokens?: number } | undefined {
	if (options.thinking === "adaptive") return { type: "adaptive" };
	const budget_tokens = thinkingTokens(options);
	if (budget_tokens === 0) return undefined;
	const loop = messages.slice(
		messages.findLastIndex(
			({ role, content }) =>
				role === "user" && content[0]?.type !== "tool_result",
		) + 1,
	);
	const thoughtless = loop.some(
		({ role, content }) =>
			role === "assistant" && !asText(content[0]?.type).includes("thinking"),
	);
	return thoughtless ? undefined : { type: "enabled", budget_tokens };
}

/** Roles alternate, and what a message of the user says comes after the results that it has: the API insists on both. */
function buildMessages(
	messages: PromptMessage[],
	model: string,
): WireMessage[] {
	const wire: WireMessage[] = [];
	for (const message of messages) {
		const role = message.role === "assistant" ? "assistant" : "user";
		const content = buildBlocks(message, model);
		const last = wire.at(-1);
		if (content.length === 0) continue;
		if (last?.role === role) last.content.push(...content);
		else wire.push({ role, content });
	}
	return wire;
}

function buildBlocks(message: PromptMessage, model: string): Block[] {
	switch (message.role) {
		case "user":
			return [...text(message.content), ...images(message.images)];
		case "tool":
			return [toolResult(message)];
		case "assistant":
			return (
				replayed(message, model) ?? [
					...text(message.content),
					...(message.toolCalls ?? []).map(({ id, name, input }) => ({
						type: "tool_use",
						id: cleanId(id),
						name,
						input,
					})),
				]
			);
	}
}

/** The content that the model asked now had given, where it still belongs to the calls of this message. */
function replayed(
	{ replay, toolCalls = [] }: AssistantMessage,
	model: string,
): Block[] | undefined {
	if (replay?.driver !== "anthropic" || replay.model !== model) return;
	const blocks = asList(replay.content).flatMap((block) => {
		const record = asRecord(block);
		return record ? [record] : [];
	});
	const ids = blocks.filter(({ type }) => type === "tool_use");
	const same =
		ids.length === toolCalls.length &&
		ids.every(({ id }, index) => id === toolCalls[index]?.id);
	if (!same || blocks.length === 0) return undefined;
	return blocks.map((block) =>
		block.type === "tool_use"
			? { ...block, id: cleanId(asText(block.id)) }
			: block,
	);
}

function toolResult(message: ToolMessage & { images?: ImageData[] }): Block {
	const said = text(message.content);
	const shown = images(message.images);
	return {
		type: "tool_result",
		tool_use_id: cleanId(message.toolCallId),
		...(shown.length > 0
			? { content: [...said, ...shown] }
			: said.length > 0 && { content: message.content }),
		...(message.isError && { is_error: true }),
	};
}

/** The API refuses text that is empty or only white. */
function text(content: string): Block[] {
	return content.trim() === "" ? [] : [{ type: "text", text: content }];
}

function images(list: ImageData[] = []): Block[] {
	return list.map(({ mimeType, base64 }) => ({
		type: "image",
		source: { type: "base64", media_type: mimeType, data: base64 },
	}));
}

function markLast(messages: WireMessage[]): WireMessage[] {
	const last = messages.at(-1);
	if (last === undefined) return messages;
	const content = last.content.with(-1, { ...last.content.at(-1), ...CACHED });
	return messages.with(-1, { ...last, content });
}

/** Other providers' ids may have letters that Anthropic refuses; its own stay as they are. */
function cleanId(id: string): string {
	return id.replace(
		/[^\w-]/g,
		(letter) => `_${letter.charCodeAt(0).toString(16)}`,
	);
}
