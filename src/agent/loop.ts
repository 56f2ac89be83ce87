// model → tools → model, and what stops it: steps 3 to 7 of a turn.

import { hasCode } from "../core/errors.ts";
import type { AssistantMessage, StopReason } from "../core/message.ts";
import type { CompletionRequest, StreamEvent } from "../llm/client.ts";
import { executeTools } from "./execution.ts";
import { LoopLimits } from "./limits.ts";
import { buildPrompt } from "./prompt.ts";
import { processStream } from "./stream.ts";
import type { Turn } from "./turn.ts";

/** Answers the turn's context until the model needs no tool any more. Gives the reason of the last stop. */
export async function runLoop(turn: Turn): Promise<StopReason> {
	const limits = new LoopLimits(turn.parts.agent.maxToolCalls);
	for (;;) {
		const answer = await nextAnswer(turn);
		await turn.keep(answer); // step 7: save session, here and with every result of a tool
		if (answer.notice) turn.remark(answer.notice);
		if (!answer.toolCalls) return answer.stopReason ?? "end_turn";
		await executeTools(turn, answer.toolCalls, limits); // step 6: execute tools
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
		const stream = callModel(turn, request); // step 4: call model
		return await processStream(turn, stream); // step 5: process stream
	} catch (error) {
		if (turn.isStrict || !isRefusedRequest(error)) throw error;
		const strict = await prompt(true);
		if (sameMessages(request, strict.request)) throw error;
		turn.isStrict = true;
		return processStream(turn, callModel(turn, strict.request));
	}
}

function callModel(
	turn: Turn,
	request: CompletionRequest,
): AsyncIterable<StreamEvent> {
	const { agent, signal } = turn.parts;
	signal.throwIfAborted();
	return agent.llm.streamCompletion(request, signal);
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
		(error.status === 400 || error.status === 413)
	);
}

function sameMessages(a: CompletionRequest, b: CompletionRequest): boolean {
	return JSON.stringify(a.messages) === JSON.stringify(b.messages);
}
