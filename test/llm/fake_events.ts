// What a provider's stream looks like for a given content: written by hand after the providers' documents.

/** What a fake model says, in that order. */
export interface FakeContent {
	thinking?: string;
	/** One delta, or several. */
	text?: string | string[];
	toolCalls?: { id?: string; name: string; input: Record<string, unknown> }[];
	/** In the provider's own word. */
	stopReason?: string;
	/** What it calls itself; `fake-1` where it is not said. */
	model?: string;
	usage?: { input?: number; output?: number; cacheRead?: number };
}

const MODEL = "fake-1";

/** The bytes of a Messages API stream; without its end where `whole` is false. */
export function anthropicEvents(content: FakeContent, whole = true): string {
	const { thinking, toolCalls = [], usage = {} } = content;
	const blocks: [Record<string, unknown>, Record<string, unknown>[]][] = [];
	if (thinking) {
		blocks.push([
			{ type: "thinking", thinking: "", signature: "" },
			[
				{ type: "thinking_delta", thinking },
				{ type: "signature_delta", signature: `signed:${thinking.length}` },
			],
		]);
	}
	const texts = pieces(content.text);
	if (texts.length > 0) {
		blocks.push([
			{ type: "text", text: "" },
			texts.map((text) => ({ type: "text_delta", text })),
		]);
	}
	for (const [
		n,
		{ id = `toolu_${n + 1}`, name, input },
	] of toolCalls.entries()) {
		const json = JSON.stringify(input);
		const half = json.length >> 1;
		blocks.push([
			{ type: "tool_use", id, name, input: {} },
			["", json.slice(0, half), json.slice(half)].map((partial_json) => ({
				type: "input_json_delta",
				partial_json,
			})),
		]);
	}
	const events: Record<string, unknown>[] = [
		{
			type: "message_start",
			message: {
				id: "msg_1",
				type: "message",
				role: "assistant",
				model: content.model ?? MODEL,
				content: [],
				stop_reason: null,
				usage: {
					input_tokens: usage.input ?? 10,
					output_tokens: 1,
					cache_read_input_tokens: usage.cacheRead ?? 0,
					cache_creation_input_tokens: 0,
				},
			},
		},
		{ type: "ping" },
	];
	for (const [index, [content_block, deltas]] of blocks.entries()) {
		events.push({ type: "content_block_start", index, content_block });
		for (const delta of deltas) {
			events.push({ type: "content_block_delta", index, delta });
		}
		if (whole || index < blocks.length - 1) {
			events.push({ type: "content_block_stop", index });
		}
	}
	if (whole) {
		const stop_reason =
			content.stopReason ?? (toolCalls.length > 0 ? "tool_use" : "end_turn");
		events.push(
			{
				type: "message_delta",
				delta: { stop_reason, stop_sequence: null },
				usage: { output_tokens: usage.output ?? 5 },
			},
			{ type: "message_stop" },
		);
	}
	return events
		.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
		.join("");
}

/** The bytes of a Chat Completions stream; without its end where `whole` is false. */
export function openaiEvents(content: FakeContent, whole = true): string {
	const { thinking, toolCalls = [], usage = {} } = content;
	const deltas: Record<string, unknown>[] = [
		{ role: "assistant", content: "" },
	];
	if (thinking) deltas.push({ reasoning_content: thinking });
	for (const text of pieces(content.text)) deltas.push({ content: text });
	for (const [index, call] of toolCalls.entries()) {
		const { id = `call_${index + 1}`, name, input } = call;
		const json = JSON.stringify(input);
		const half = json.length >> 1;
		const head = { name, arguments: "" };
		deltas.push({
			tool_calls: [{ index, id, type: "function", function: head }],
		});
		for (const piece of [json.slice(0, half), json.slice(half)]) {
			deltas.push({ tool_calls: [{ index, function: { arguments: piece } }] });
		}
	}
	const chunk = (rest: Record<string, unknown>) => ({
		id: "chatcmpl-1",
		object: "chat.completion.chunk",
		model: content.model ?? MODEL,
		...rest,
	});
	const events: unknown[] = deltas.map((delta) =>
		chunk({ choices: [{ index: 0, delta, finish_reason: null }], usage: null }),
	);
	if (whole) {
		const finish_reason =
			content.stopReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop");
		const { input = 10, output = 5, cacheRead = 0 } = usage;
		events.push(
			chunk({ choices: [{ index: 0, delta: {}, finish_reason }], usage: null }),
			chunk({
				choices: [],
				usage: {
					prompt_tokens: input,
					completion_tokens: output,
					total_tokens: input + output,
					prompt_tokens_details: { cached_tokens: cacheRead },
				},
			}),
		);
	}
	const lines = events.map((event) => `data: ${JSON.stringify(event)}\n\n`);
	return lines.join("") + (whole ? "data: [DONE]\n\n" : "");
}

function pieces(text: string | string[] = []): string[] {
	return typeof text === "string" ? [text] : text;
}
