// Short words for what the tests of this folder do all the time.

import * as z from "zod/mini";
import { AeonError } from "../../src/core/errors.ts";
import { anthropic } from "../../src/llm/anthropic.ts";
import type {
	CompletionRequest,
	LlmClient,
	PromptMessage,
	StreamEvent,
} from "../../src/llm/client.ts";
import { openai } from "../../src/llm/openai.ts";

/** A key that is easy to find where it must not be. */
export const KEY = "sk-test-0123456789abcdef";

/** A signal that nobody aborts. */
export const never = new AbortController().signal;

/** A client with these settings, through the driver's own schema. */
export function createAnthropic(url: string, settings = {}): LlmClient {
	const section = { model: "claude-1", api_key: KEY, base_url: url };
	return anthropic.create(
		z.parse(anthropic.options, { ...section, ...settings }) as never,
	);
}

/** A client with these settings, through the driver's own schema. */
export function createOpenai(url: string, settings = {}): LlmClient {
	const section = { model: "gpt-1", api_key: KEY, base_url: url };
	return openai.create(
		z.parse(openai.options, { ...section, ...settings }) as never,
	);
}

/** A request of one text, or of these messages. */
export function asking(
	what: string | PromptMessage[] = "hello",
	more: Partial<CompletionRequest> = {},
): CompletionRequest {
	const messages: PromptMessage[] =
		typeof what === "string" ? [{ role: "user", content: what }] : what;
	return { system: "Be kind.", messages, tools: [], ...more };
}

/** Every event of a stream. */
export async function collect(
	stream: AsyncIterable<StreamEvent>,
): Promise<StreamEvent[]> {
	const events: StreamEvent[] = [];
	for await (const event of stream) events.push(event);
	return events;
}

/** The events of one answer, with neighbouring deltas of a kind as one. */
export async function ask(
	client: LlmClient,
	request = asking(),
	signal = never,
): Promise<StreamEvent[]> {
	const joined: StreamEvent[] = [];
	for (const event of await collect(client.streamCompletion(request, signal))) {
		const last = joined.at(-1);
		if (last && "text" in last && "text" in event && last.type === event.type) {
			joined[joined.length - 1] = { ...last, text: last.text + event.text };
		} else joined.push(event);
	}
	return joined;
}

/** What a promise was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
	try {
		await promise;
	} catch (error) {
		return error;
	}
	throw new Error("it was not rejected");
}

/** Code and message of the AeonError that a promise was rejected with. */
export async function failure(
	promise: Promise<unknown>,
): Promise<{ code: string; message: string }> {
	const error = await rejection(promise);
	if (!(error instanceof AeonError)) throw error;
	return { code: error.code, message: error.message };
}
