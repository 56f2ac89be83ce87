// What Aeon asks, as a request of Chat Completions.

import { asRecord } from "../core/json.ts";
import type { AssistantMessage } from "../core/message.ts";
import type { CompletionRequest, ImageData, PromptMessage } from "./client.ts";
import type { OpenaiOptions } from "./openai.ts";
import { limitAnswer } from "./window.ts";

type Part =
	| { type: "text"; text: string }
	| { type: "image_url"; image_url: { url: string } };

type WireMessage =
	| { role: "user"; content: string | Part[] }
	| { role: "system" | "assistant" | "tool"; [field: string]: unknown };

/** The body of the request. System and tools are the same bytes for every request of a session. */
export function buildOpenaiRequest(
	request: CompletionRequest,
	model: string,
	options: OpenaiOptions,
): Record<string, unknown> {
	const { base_url, max_tokens, context_window, temperature, thinking } =
		options;
	// OpenAI's reasoning models refuse the old word; the other servers know only that.
	const isOpenai = new URL(base_url).hostname === "api.openai.com";
	return {
		model,
		[isOpenai ? "max_completion_tokens" : "max_tokens"]: limitAnswer(
			max_tokens,
			context_window,
		),
		...(temperature !== undefined && { temperature }),
		...(thinking && { reasoning_effort: thinking }),
		stream: true,
		stream_options: { include_usage: true },
		messages: [
			...(request.system ? [{ role: "system", content: request.system }] : []),
			...buildMessages(request.messages, model),
		],
		...(request.tools.length > 0 && {
			tools: request.tools.map(({ name, description, parameters }) => ({
				type: "function",
				function: { name, description, parameters },
			})),
		}),
	};
}

/**
 * A tool message cannot hold an image: those of a group of results follow it as the user's. What the user says in a row
 * is one message, because the chat templates of many local models insist that roles alternate.
 */
function buildMessages(
	messages: PromptMessage[],
	model: string,
): WireMessage[] {
	const wire: WireMessage[] = [];
	let said: Part[] = [];
	const flush = () => {
		if (said.length > 0) wire.push({ role: "user", content: join(said) });
		said = [];
	};
	for (const message of messages) {
		if (message.role === "tool") {
			wire.push({
				role: "tool",
				tool_call_id: message.toolCallId,
				content: message.content,
			});
			said.push(...images(message.images));
		} else if (message.role === "user") {
			if (message.content) said.push({ type: "text", text: message.content });
			said.push(...images(message.images));
		} else {
			flush();
			wire.push(assistantMessage(message, model));
		}
	}
	flush();
	return wire;
}

function assistantMessage(
	message: AssistantMessage,
	model: string,
): WireMessage {
	const { content, toolCalls = [], replay } = message;
	const known = replay?.driver === "openai" && replay.model === model;
	return {
		role: "assistant",
		content: content || null,
		...(toolCalls.length > 0 && {
			...(known && asRecord(replay.content)),
			tool_calls: toolCalls.map(({ id, name, input }) => ({
				id,
				type: "function",
				function: { name, arguments: JSON.stringify(input) },
			})),
		}),
	};
}

/** Plain text where there is no image: not every server takes parts. */
function join(parts: Part[]): string | Part[] {
	const texts = parts.flatMap((part) =>
		part.type === "text" ? [part.text] : [],
	);
	return texts.length === parts.length ? texts.join("\n\n") : parts;
}

function images(list: ImageData[] = []): Part[] {
	return list.map(({ mimeType, base64 }) => ({
		type: "image_url",
		image_url: { url: `data:${mimeType};base64,${base64}` },
	}));
}
