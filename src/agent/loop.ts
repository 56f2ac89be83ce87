// model → tools → model, and what stops it: steps 3 to 7 of a turn.

import { AeonError, describeError, hasCode } from "../core/errors.ts";
import type {
	AssistantMessage,
	StopReason,
	ToolCall,
} from "../core/message.ts";
import type { CompletionRequest, StreamEvent } from "../llm/client.ts";
import { failure, type ToolResult } from "../tools/tool.ts";
import { LoopLimits } from "./limits.ts";
import { buildPrompt } from "./prompt.ts";
import type { Turn } from "./turn.ts";

/** How long a tool may take to end once the turn is stopped. */
const TOOL_ABORT_MS = 800;

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

/** Answers the turn's context until the model needs no tool any more. Gives the reason of the last stop. */
export async function runLoop(turn: Turn): Promise<StopReason> {
	const limits = new LoopLimits(turn.parts.agent.maxToolCalls);
	for (;;) {
		const answer = await nextAnswer(turn);
		await turn.keep(answer); // step 7: save session, here and with every result of a tool
		if (!answer.toolCalls) {
			if (answer.notice) turn.remark(answer.notice);
			return answer.stopReason ?? "end_turn";
		}
		await executeTools(turn, answer.toolCalls, limits);
		const limit = limits.reached();
		if (limit) {
			await turn.keep({ role: "assistant", content: `[${limit}]` });
			turn.remark(limit);
			return "loop_limit";
		}
	}
}

/** Steps 3 to 5; once more with a strict prompt, which holds for the rest of the turn, where the provider refuses the whole conversation. */
async function nextAnswer(turn: Turn): Promise<AssistantMessage> {
	const { agent, model } = turn.parts;
	const prompt = (strict: boolean) =>
		buildPrompt(agent, turn.context, { model, strict });
	const { request, trimmed } = await prompt(turn.isStrict); // step 3: build prompt
	if (trimmed && !turn.isStrict) tellTrimmed(turn);
	try {
		return await processStream(turn, callModel(turn, request));
	} catch (error) {
		if (turn.isStrict || !isRefusedRequest(error)) throw error;
		const strict = await prompt(true);
		if (sameMessages(request, strict.request)) throw error;
		turn.isStrict = true;
		return processStream(turn, callModel(turn, strict.request));
	}
}

/** Step 4: call model. */
function callModel(
	turn: Turn,
	request: CompletionRequest,
): AsyncIterable<StreamEvent> {
	const { agent, signal } = turn.parts;
	signal.throwIfAborted();
	return agent.llm.streamCompletion(request, signal);
}

/** Step 5: process stream. What came before a break is kept, and the break is said; a break before anything is thrown. */
async function processStream(
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

/** Step 6: execute tools, one after the other. Each result is in the store before anyone is told of it. */
async function executeTools(
	turn: Turn,
	calls: ToolCall[],
	limits: LoopLimits,
): Promise<void> {
	for (const call of calls) {
		turn.parts.signal.throwIfAborted();
		turn.tell({
			type: "agent.tool_call",
			callId: call.id,
			name: call.name,
			input: call.input,
		});
		const result = await runTool(turn, call, limits);
		const { success, attachments } = result;
		const output = success
			? result.output
			: [result.error, result.output].filter(Boolean).join("\n");
		turn.countCall(call, success);
		await turn.keep({
			role: "tool",
			toolCallId: call.id,
			toolName: call.name,
			content: output,
			...(!success && { isError: true }),
			...(attachments && { attachments }),
		});
		turn.tell({
			type: "agent.tool_result",
			callId: call.id,
			name: call.name,
			success,
			output,
		});
	}
}

async function runTool(
	turn: Turn,
	call: ToolCall,
	limits: LoopLimits,
): Promise<ToolResult> {
	if (!limits.mayRun()) return failure("Not run: the turn's limit is reached.");
	const result = call.error
		? failure(call.error)
		: await orAborted(
				turn.parts.agent.runTool(call, turn.parts),
				turn.parts.signal,
			);
	limits.count(call, result);
	return result;
}

/** Waits for a tool, but not much longer than the turn lives: a tool that does not hear the signal holds nobody up. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
	const { promise: aborted, reject } = Promise.withResolvers<never>();
	let timer: ReturnType<typeof setTimeout> | undefined;
	const onAbort = () => {
		timer = setTimeout(() => reject(signal.reason), TOOL_ABORT_MS);
	};
	if (signal.aborted) onAbort();
	else signal.addEventListener("abort", onAbort);
	try {
		const result = await Promise.race([work, aborted]);
		signal.throwIfAborted();
		return result;
	} finally {
		clearTimeout(timer);
		signal.removeEventListener("abort", onAbort);
	}
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

/** Tells the person once that the model no longer sees the oldest turns; the mark on the answer keeps it from being told again. */
function tellTrimmed(turn: Turn): void {
	const isTold = turn.context.some(
		(message) => message.role === "assistant" && message.trimmed,
	);
	if (!isTold && !turn.trimmed) {
		turn.remark(
			"This conversation is longer than the model's window: it no longer sees the oldest messages",
		);
		turn.breakParagraph();
	}
	turn.trimmed = true;
}

/** True of a refusal that a smaller request may mend: told by its status, never by its text. */
function isRefusedRequest(error: unknown): boolean {
	return (
		hasCode(error, "llm_rejected") &&
		error instanceof AeonError &&
		(error.status === 400 || error.status === 413)
	);
}

function sameMessages(a: CompletionRequest, b: CompletionRequest): boolean {
	return JSON.stringify(a.messages) === JSON.stringify(b.messages);
}
