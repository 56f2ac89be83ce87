// Making a conversation fit the model's window without asking a model: tool results first, then the oldest turns.

import { AeonError } from "../core/errors.ts";
import type { SpokenMessage } from "../core/message.ts";
import { splitTurns } from "./history.ts";

/** Bytes of UTF-8 that make a token, on the careful side of what the providers' tokenizers give for prose and code. */
export const BYTES_PER_TOKEN = 3.5;

/** What the providers count for a picture of the largest size that they do not scale down. */
export const TOKENS_PER_IMAGE = 1600;

/** What a message costs beside its text. */
const TOKENS_PER_MESSAGE = 8;

/** To how many characters tool results are cut, step by step, until all fits. */
const RESULT_LIMITS = [16_000, 4_000, 1_000];

/** Tokens of a text, and of so many bytes more, estimated without a tokenizer. */
export function estimateTokens(text: string, moreBytes = 0): number {
	return Math.ceil((Buffer.byteLength(text) + moreBytes) / BYTES_PER_TOKEN);
}

/** Tokens of messages, estimated: their texts, their calls, their pictures. */
export function estimateMessages(messages: readonly SpokenMessage[]): number {
	return messages.reduce((sum, message) => sum + estimateMessage(message), 0);
}

/**
 * The messages that fit into a budget of tokens: the results of finished turns are cut first, then the oldest turns go
 * whole, then the results of the last turn are cut. `trimmed` says that turns are gone. Throws `too_large` where not even
 * the last message fits.
 */
export function fit(
	messages: SpokenMessage[],
	budget: number,
): { messages: SpokenMessage[]; trimmed: boolean } {
	if (estimateMessages(messages) <= budget) return { messages, trimmed: false };
	const turns = splitTurns(messages);
	const last = turns.pop() ?? [];
	const earlier = turns.map((turn) => clipResults(turn, RESULT_LIMITS[1] ?? 0));
	let current = last;
	for (const limit of RESULT_LIMITS) {
		if (estimateMessages(current) <= budget) break;
		current = clipResults(last, limit);
	}
	let room = budget - estimateMessages(current);
	if (room < 0) throw tooLarge(current, budget);
	const kept: SpokenMessage[][] = [];
	for (const turn of earlier.reverse()) {
		room -= estimateMessages(turn);
		if (room < 0) break;
		kept.unshift(turn);
	}
	return {
		messages: [...kept.flat(), ...current],
		trimmed: kept.length < earlier.length,
	};
}

/** A text cut in its middle to about `limit` characters, with a line that says how much is missing. */
export function clip(text: string, limit: number): string {
	if (text.length <= limit) return text;
	const half = Math.floor(limit / 2);
	const head = text.slice(0, half).toWellFormed();
	const tail = text.slice(-half).toWellFormed();
	return `${head}\n[… ${text.length - 2 * half} characters left out …]\n${tail}`;
}

/** The same to so many tokens at most. */
export function clipToTokens(text: string, tokens: number): string {
	const size = estimateTokens(text);
	if (size <= tokens) return text;
	let limit = Math.floor((text.length * tokens) / size);
	while (limit >= 2) {
		const clipped = clip(text, limit);
		if (estimateTokens(clipped) <= tokens) return clipped;
		// What stands for the middle takes room, and not every character takes the same.
		limit = Math.floor(limit * 0.95) - 10;
	}
	return "";
}

function clipResults(turn: SpokenMessage[], limit: number): SpokenMessage[] {
	return turn.map((message) =>
		message.role === "tool"
			? { ...message, content: clip(message.content, limit) }
			: message,
	);
}

/** Tokens of one, with so many bytes of text more. */
export function estimateMessage(message: SpokenMessage, moreBytes = 0): number {
	const calls =
		message.role === "assistant" && message.toolCalls
			? JSON.stringify(message.toolCalls)
			: "";
	const replay =
		message.role === "assistant" && message.replay
			? JSON.stringify(message.replay.content)
			: "";
	const pictures =
		message.role === "assistant" ? 0 : (message.attachments?.length ?? 0);
	const text = replay || message.content + calls;
	return (
		TOKENS_PER_MESSAGE +
		pictures * TOKENS_PER_IMAGE +
		estimateTokens(text, moreBytes)
	);
}

function tooLarge(messages: SpokenMessage[], budget: number): AeonError {
	return new AeonError(
		"too_large",
		`This message needs about ${estimateMessages(messages)} tokens and the model's window has room for ${budget}. Send it in parts, or put it into a file.`,
		{
			hint: "That room is the agent's context_window without its max_tokens, its system prompt and its tools.",
		},
	);
}
