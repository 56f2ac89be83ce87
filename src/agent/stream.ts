// Step 5 of a turn, process stream: from what the model says to a message, and what is said under it.

import { describeError } from "../core/errors.ts";
import type {
	AssistantMessage,
	StopReason,
	ToolCall,
} from "../core/message.ts";
import type { StreamEvent } from "../llm/client.ts";
import type { Turn } from "./turn.ts";

/** What Aeon says under an answer that ended in an uncommon way. */
const REMARKS: Partial<Record<StopReason, string>> = {
	max_tokens:
		'The answer was cut at the limit of max_tokens. Say "go on" to continue',
	model_context_window_exceeded:
		"The answer was cut: the model's window is full. /new starts afresh",
	pause_turn: 'The model paused. Say "go on" to continue',
};

const STRICT =
	"The model refused the whole conversation, so the earlier messages were left out. /new starts afresh";

/** The answer that a stream comes to. What came before a break is kept, and the break is said; a break before anything is thrown. */
export async function processStream(
	turn: Turn,
	stream: AsyncIterable<StreamEvent>,
): Promise<AssistantMessage> {
	const answer: AssistantMessage = { role: "assistant", content: "" };
	const calls: ToolCall[] = [];
	try {
		for await (const event of stream) {
			if (event.type === "text_delta") {
				if (answer.content === "") turn.breakParagraph();
				answer.content += event.text;
				turn.say(event.text);
			} else if (event.type === "thinking_delta")
				turn.tell({ type: "agent.thinking", text: event.text });
			else if (event.type === "tool_call") calls.push(event.call);
			else if (event.type === "usage") answer.usage = event.usage;
			else finish(answer, event);
		}
	} catch (error) {
		await keepPart(turn, answer, error);
		throw error;
	} finally {
		if (answer.usage) turn.countUsage(answer.usage);
	}
	if (calls.length > 0) answer.toolCalls = calls;
	const notice = remarkOn(answer) ?? (turn.isStrict ? STRICT : undefined);
	if (notice) answer.notice = notice;
	if (turn.trimmed) answer.trimmed = true;
	return answer;
}

function finish(
	answer: AssistantMessage,
	stop: Extract<StreamEvent, { type: "stop" }>,
): void {
	answer.stopReason = stop.reason;
	answer.model = stop.model;
	if (stop.replay) answer.replay = stop.replay;
	if (stop.detail) answer.notice = stop.detail;
}

/** What is to be said under an answer, beside what the model said. */
function remarkOn(answer: AssistantMessage): string | undefined {
	const { content, notice, stopReason, toolCalls } = answer;
	if (toolCalls) return undefined;
	if (stopReason === "refusal")
		return notice
			? `The model refused to answer: ${notice}`
			: content
				? undefined
				: "The model refused to answer";
	const remark = stopReason && REMARKS[stopReason];
	return remark ?? (content ? undefined : "The model gave no text");
}

/** Keeps what a broken or stopped answer has said so far. */
async function keepPart(
	turn: Turn,
	answer: AssistantMessage,
	error: unknown,
): Promise<void> {
	if (answer.content === "") return;
	const isStopped = turn.parts.signal.aborted;
	const notice = isStopped
		? "Stopped"
		: `The answer was cut: ${describeError(error)}`;
	await turn.keep({
		...answer,
		stopReason: isStopped ? "cancelled" : "cut",
		notice,
	});
}
