// Step 5 of a turn, process stream: from what the model says to a message, and what is said under it.

import { describeError, hasCode } from "../core/errors.ts";
import type {
	AssistantMessage,
	StopReason,
	ToolCall,
} from "../core/message.ts";
import type { StreamEvent } from "../llm/client.ts";
import type { Turn } from "./turn.ts";

type EventOf<Type extends StreamEvent["type"]> = Extract<
	StreamEvent,
	{ type: Type }
>;

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

const PICTURES =
	"The model refused a picture, so all pictures up to here are left out";

/** The answer that a stream comes to; `picturesRefused` marks it as one that the provider gave only without pictures. What came before a break is kept, and the break is said; a break before anything is thrown. */
export async function processStream(
	turn: Turn,
	stream: AsyncIterable<StreamEvent>,
	picturesRefused = false,
): Promise<AssistantMessage> {
	const answer: AssistantMessage = { role: "assistant", content: "" };
	if (picturesRefused) answer.picturesRefused = true;
	const calls: ToolCall[] = [];
	let fallback: EventOf<"fallback"> | undefined;
	let stop: EventOf<"stop"> | undefined;
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
			else if (event.type === "fallback") fallback = event;
			else stop = event;
		}
	} catch (error) {
		await keepPart(turn, answer, error, fallback);
		throw error;
	} finally {
		if (answer.usage) turn.countUsage(answer.usage);
	}
	if (calls.length > 0) answer.toolCalls = calls;
	if (stop) {
		answer.stopReason = stop.reason;
		answer.model = stop.model;
		if (stop.replay) answer.replay = stop.replay;
		const { label } = fallback ?? turn.parts.agent.llm;
		const [provider = label] = label.split("/", 1);
		turn.answeredBy = { provider, model: stop.model };
	}
	const notice = joinNotices(
		newFallback(turn, fallback),
		picturesRefused ? PICTURES : undefined,
		remarkOn(answer, stop?.detail) ??
			(turn.isStrict && !answer.toolCalls ? STRICT : undefined),
	);
	if (notice) answer.notice = notice;
	if (turn.trimmed) answer.trimmed = true;
	return answer;
}

function joinNotices(...notices: (string | undefined)[]): string {
	return notices.filter(Boolean).join(". ");
}

/** Who answers in place of the agent's own model; undefined where nobody does, and where the person was told in this turn. */
function newFallback(
	turn: Turn,
	fallback: EventOf<"fallback"> | undefined,
): string | undefined {
	if (!fallback) return undefined;
	const { label, insteadOf } = fallback;
	const notice = `${insteadOf.join(" and ")} did not answer, so ${label} did`;
	if (notice === turn.fallbackNotice) return undefined;
	turn.fallbackNotice = notice;
	return notice;
}

/** What is to be said under an answer, beside what the model said. */
function remarkOn(
	{ content, stopReason, toolCalls }: AssistantMessage,
	detail: string | undefined,
): string | undefined {
	if (toolCalls) return undefined;
	if (stopReason === "refusal")
		return detail
			? `The model refused to answer: ${detail}`
			: content
				? undefined
				: "The model refused to answer";
	const remark = stopReason && REMARKS[stopReason];
	return remark ?? (content ? undefined : "The model gave no text");
}

/** Keeps what a broken or stopped answer has said so far; how it ended is told by the runtime. */
async function keepPart(
	turn: Turn,
	answer: AssistantMessage,
	error: unknown,
	fallback: EventOf<"fallback"> | undefined,
): Promise<void> {
	if (answer.content === "") return;
	const { signal } = turn.parts;
	// The next start asks the model again: half of an answer would stand for the whole.
	if (signal.aborted && hasCode(signal.reason, "shutting_down")) return;
	const isStopped = signal.aborted;
	const end = isStopped
		? "Stopped"
		: `The answer was cut: ${describeError(error)}`;
	const toTell = joinNotices(
		newFallback(turn, fallback),
		answer.picturesRefused ? PICTURES : undefined,
	);
	await turn.keep({
		...answer,
		stopReason: isStopped ? "cancelled" : "cut",
		notice: joinNotices(toTell, end),
	});
	if (toTell) turn.remark(toTell);
}
