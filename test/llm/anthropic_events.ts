// Events of Anthropic's Messages API, as short as tests want them, and a driver that reads them.

import type { StreamEvent } from "../../src/llm/client.ts";
import { ask, createAnthropic } from "./asking.ts";
import { farSide } from "./far_side.ts";

export const { answering, stopFake, host } = farSide(
	"anthropic",
	createAnthropic,
);

/** What the driver makes of these events. */
export async function reading(...events: object[]): Promise<StreamEvent[]> {
	return ask(await answering({ raw: stream(...events) }));
}

/** Events as bytes. */
export function stream(...events: object[]): string {
	return events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
}

export const start = (index: number, content_block: object) => ({
	type: "content_block_start",
	index,
	content_block,
});
export const delta = (index: number, delta: object) => ({
	type: "content_block_delta",
	index,
	delta,
});
export const close = (index: number) => ({ type: "content_block_stop", index });
export const end = (stop_reason: string | null, more = {}) => ({
	type: "message_delta",
	delta: { stop_reason, ...more },
});
export const json = (index: number, partial_json: string) =>
	delta(index, { type: "input_json_delta", partial_json });
export const tool = (index: number, name: string, input: object = {}) =>
	start(index, { type: "tool_use", id: `toolu_${index}`, name, input });
export const STOPPED = { type: "message_stop" };
export const NO_USAGE = {
	inputTokens: 0,
	outputTokens: 0,
	cacheReadTokens: 0,
	cacheWriteTokens: 0,
};
