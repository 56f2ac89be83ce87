// What every driver over HTTP shares: from a posted request to the events of one answer.

import { AeonError, hasCode } from "../core/errors.ts";
import { asRecord, parseJson } from "../core/json.ts";
import type { ToolCall } from "../core/message.ts";
import type { StreamEvent } from "./client.ts";
import { type Endpoint, post } from "./http.ts";
import { readEvents, type ServerEvent } from "./sse.ts";

/** One answer in the making: what a provider's own kind of event means. */
export interface Answer {
	/** `complete` once nothing that is missing matters, `ended` once nothing more will come. */
	readonly state: "open" | "complete" | "ended";
	/** Takes in the data of one event and gives what of it can be shown at once. Throws where it tells of a failure. */
	accept(data: Record<string, unknown>): StreamEvent[];
	/** The rest, once the answer is whole: tool calls, usage, stop. */
	finish(): StreamEvent[];
}

/** Asks, and streams what the answer makes of the provider's events. Throws as the port says. */
export async function* streamAnswer(
	endpoint: Endpoint,
	body: unknown,
	answer: Answer,
	signal: AbortSignal,
): AsyncGenerator<StreamEvent> {
	const events = readEvents(post(endpoint, body, signal), endpoint.host);
	let finished = false;
	for await (const { data } of untilHarmless(events, answer)) {
		if (data.trim() === "") continue;
		finished = data.trim() === "[DONE]";
		const value = finished ? undefined : asRecord(parseJson(data));
		// An unreadable event is one that was cut: nothing good can come after it.
		if (value === undefined) break;
		for (const event of answer.accept(value)) {
			signal.throwIfAborted();
			yield event;
		}
		if (answer.state === "ended") break;
	}
	if (!finished && answer.state === "open") {
		throw new AeonError(
			"llm_unavailable",
			`the answer of ${endpoint.host} broke off`,
		);
	}
	for (const event of answer.finish()) {
		signal.throwIfAborted();
		yield event;
	}
}

/** A complete answer does not suffer from what the connection does afterwards. */
async function* untilHarmless(
	events: AsyncIterable<ServerEvent>,
	answer: Answer,
): AsyncGenerator<ServerEvent> {
	try {
		yield* events;
	} catch (error) {
		const harmless =
			answer.state !== "open" && hasCode(error, "llm_unavailable");
		if (!harmless) throw error;
	}
}

/**
 * The input of a tool call out of its JSON. What does not parse is never shown or run in part: the model is told instead.
 * `cut` says that the answer ran into its token limit.
 */
export function readArguments(
	json: string,
	cut: boolean,
): Pick<ToolCall, "input" | "error"> {
	if (json.trim() === "" && !cut) return { input: {} };
	const value = parseJson(json);
	if (value === null) return { input: {} };
	const input = asRecord(value);
	if (input !== undefined) return { input };
	return {
		input: {},
		error: cut
			? `The call was cut at max_tokens after ${json.length} characters, so it was not run: write less at a time, for example in several calls with append.`
			: `The arguments were not valid JSON (no object in ${json.length} characters): send them again.`,
	};
}

/** The id where it is one and not `taken` yet, otherwise a new one; it is taken from then on. */
export function takeId(id: string, taken: Set<string>): string {
	let free = id;
	for (let n = 1; free === "" || taken.has(free); n++) free = `call_${n}`;
	taken.add(free);
	return free;
}
