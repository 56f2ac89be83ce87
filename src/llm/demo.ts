// A provider without a model: Aeon can be tried offline, and tested, with it. Says so in every answer.

import * as z from "zod/mini";
import { asRecord, parseJson } from "../core/json.ts";
import type { ToolCall } from "../core/message.ts";
import type {
	CompletionRequest,
	LlmDriver,
	PromptMessage,
	StreamEvent,
	ToolSpec,
} from "./client.ts";
import { contextWindow, limitAnswer } from "./window.ts";

const Options = z.object({
	model: z._default(
		z.string().check(z.minLength(1), z.describe("Any name.")),
		"demo",
	),
	context_window: contextWindow(32_000),
});

const INTRODUCTION = "This is Aeon's demo: no model is connected.";
const MAX_QUOTE = 1_000;
const CHARACTERS_PER_TOKEN = 4;
/** More than the longest quote with everything around it. */
const MAX_ANSWER_TOKENS = 1_000;

/** What may be said, and the tool call that it is. */
const COMMANDS: {
	tool: string;
	example: string;
	pattern: RegExp;
	input(words: string[]): Record<string, unknown>;
}[] = [
	{
		tool: "file_read",
		example: "read NOTES.md",
		pattern: /^read\s+(\S.*)$/i,
		input: ([path]) => ({ path }),
	},
	{
		tool: "file_write",
		example: "write hello to a.txt",
		pattern: /^write\s+(\S[\s\S]*)\s+to\s+(\S+)$/i,
		input: ([content, path]) => ({ path, content }),
	},
	{
		tool: "file_write",
		example: "append more to a.txt",
		pattern: /^append\s+(\S[\s\S]*)\s+to\s+(\S+)$/i,
		input: ([content, path]) => ({ path, content, mode: "append" }),
	},
	{
		tool: "exec",
		example: "run uname -a",
		pattern: /^run\s+(\S[\s\S]*)$/i,
		input: ([command]) => ({ command }),
	},
	{
		tool: "message_send",
		example: "send hello",
		pattern: /^send\s+(\S[\s\S]*)$/i,
		input: ([text]) => ({ text }),
	},
];

/** The embedded demo: deterministic, instant, free. */
export const demo: LlmDriver<z.output<typeof Options>> = {
	options: Options,
	create: (options) => ({
		label: `demo/${options.model}`,
		contextWindow: options.context_window,
		maxAnswerTokens: limitAnswer(MAX_ANSWER_TOKENS, options.context_window),
		async *streamCompletion(request, signal) {
			const model = request.model ?? options.model;
			for (const event of answer(request, model)) {
				signal.throwIfAborted();
				yield event;
			}
		},
	}),
};

function* answer(
	request: CompletionRequest,
	model: string,
): Generator<StreamEvent> {
	const reply = decide(request);
	const said = typeof reply === "string" ? `${INTRODUCTION} ${reply}` : "";
	for (const word of said.match(/\s*\S+|\s+$/g) ?? []) {
		yield { type: "text_delta", text: word };
	}
	if (typeof reply !== "string") yield { type: "tool_call", call: reply };
	yield {
		type: "usage",
		usage: {
			inputTokens: countTokens(request),
			outputTokens: countTokens(said || reply),
			cacheReadTokens: 0,
			cacheWriteTokens: 0,
		},
	};
	const reason = typeof reply === "string" ? "end_turn" : "tool_use";
	yield { type: "stop", reason, model };
}

/** A text to say or a call to make. */
function decide({ messages, tools }: CompletionRequest): string | ToolCall {
	const last = messages.at(-1);
	if (last?.role === "tool") return reportResults(messages);
	const text = personsWords(last?.content ?? "");
	const id = `demo_${messages.length}`;
	const call = /^call\s+(\w+)\s*([\s\S]*)$/i.exec(text);
	if (call) {
		const [, name = "", json = ""] = call;
		const input = asRecord(parseJson(json || "{}"));
		if (!offers(tools, name)) return `There is no tool ${name} here.`;
		if (!input) return `The input of ${name} has to be a JSON object.`;
		return { id, name, input };
	}
	for (const { tool, pattern, input } of COMMANDS) {
		const match = pattern.exec(text);
		if (!match) continue;
		if (!offers(tools, tool)) return `The tool ${tool} is not offered here.`;
		return { id, name: tool, input: input(match.slice(1)) };
	}
	return `You said ${quote(text)}. ${describeCommands(tools)}`;
}

/** What Aeon puts below what the user says: see `src/agent/recall.ts`. */
const RECALLED =
	/\n\n\[(?:What you remember that may matter here|Said earlier in this conversation)\]\n- [\s\S]*$/;

/** What a person said, without what Aeon puts around it: the time before it, [Sun 2026-11-22 19:05 +00:00], and what is remembered below. */
function personsWords(shown: string): string {
	return shown
		.replace(/^\[[^\]\n]*\]\s*/, "")
		.replace(RECALLED, "")
		.trim();
}

function offers(tools: ToolSpec[], name: string): boolean {
	return tools.some((tool) => tool.name === name);
}

function reportResults(messages: PromptMessage[]): string {
	const start = messages.findLastIndex(({ role }) => role !== "tool") + 1;
	return messages
		.slice(start)
		.flatMap((message) => {
			if (message.role !== "tool") return [];
			const verb = message.isError ? "failed" : "said";
			return [`${message.toolName} ${verb}: ${quote(message.content)}`];
		})
		.join("\n");
}

function describeCommands(tools: ToolSpec[]): string {
	const examples = COMMANDS.filter(({ tool }) => offers(tools, tool)).map(
		({ example }) => `"${example}"`,
	);
	if (tools.length > 0) examples.push('"call <tool> {json}"');
	if (examples.length === 0) return "It has no tools either.";
	return `It can call tools: say ${examples.join(", ")}.`;
}

function quote(text: string): string {
	const shown =
		text.length > MAX_QUOTE
			? `${text.slice(0, MAX_QUOTE).toWellFormed()}… (${text.length} characters)`
			: text;
	return `"${shown}"`;
}

/** An estimate: there is nobody to count. */
function countTokens(value: unknown): number {
	return Math.ceil(JSON.stringify(value).length / CHARACTERS_PER_TOKEN);
}
