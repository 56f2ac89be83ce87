// Chunks of Chat Completions, as short as tests want them, and a driver that reads them.

import type { StreamEvent } from "../../src/llm/client.ts";
import { ask, createOpenai } from "./asking.ts";
import { farSide } from "./far_side.ts";

export const { answering, stopFake, host } = farSide("openai", createOpenai);

/** What the driver makes of these chunks; a string is sent as it is. */
export async function reading(
	...chunks: (object | string)[]
): Promise<StreamEvent[]> {
	return ask(await answering({ raw: stream(...chunks) }));
}

/** Chunks as bytes. */
export function stream(...chunks: (object | string)[]): string {
	return chunks
		.map((chunk) =>
			typeof chunk === "string" ? chunk : `data: ${JSON.stringify(chunk)}\n\n`,
		)
		.join("");
}

export const say = (
	delta: object | null,
	finish_reason: string | null = null,
) => ({
	model: "gpt-1-2026",
	choices: [{ index: 0, delta, finish_reason }],
});
export const DONE = "data: [DONE]\n\n";
export const call = (index: number, piece: object) =>
	say({ tool_calls: [{ index, ...piece }] });
