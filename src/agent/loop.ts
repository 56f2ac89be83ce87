// model → tools → model, and what stops it: steps 3 to 7 of a turn.

import { hasCode } from "../core/errors.ts";
import type { AssistantMessage, StopReason } from "../core/message.ts";
import type { CompletionRequest, StreamEvent } from "../llm/client.ts";
import { executeTools } from "./execution.ts";
import { LoopLimits } from "./limits.ts";
import { buildPrompt, type PromptForm } from "./prompt.ts";
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

/**
 * Steps 3 to 5. Where the provider refuses the conversation, once more without its pictures; then once more in a strict
 * form, which holds for the rest of the turn.
 */
async function nextAnswer(turn: Turn): Promise<AssistantMessage> {
	const { agent, model } = turn.parts;
	let form: PromptForm = turn.isStrict ? "strict" : "whole";
	for (;;) {
		const prompt = await buildPrompt(agent, turn, { model, form }); // step 3: build prompt
		const { request, trimmed } = prompt;
		if (trimmed && form === "whole") tellTrimmed(turn);
		try {
			const stream = callModel(turn, request); // step 4: call model
			return await processStream(turn, stream, form === "pictureless"); // step 5: process stream
		} catch (error) {
			const next = await nextForm(turn, form, request, error);
			if (!next) throw error;
			form = next;
			turn.isStrict = form === "strict";
		}
	}
}

/** The form in which a request that failed is tried again; undefined where that would not help. */
async function nextForm(
	turn: Turn,
	form: PromptForm,
	request: CompletionRequest,
	error: unknown,
): Promise<PromptForm | undefined> {
	if (hasPictures(request))
		return isRefusal(error, REFUSED_PICTURES) ? "pictureless" : undefined;
	if (form === "strict" || !isRefusal(error, REFUSED_REQUEST)) return undefined;
	const { agent, model } = turn.parts;
	const options = { model, form: "strict" } as const;
	const strict = await buildPrompt(agent, turn, options);
	return sameMessages(request, strict.request) ? undefined : "strict";
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

/** Statuses with which a request is refused that a smaller one may mend. */
const REFUSED_REQUEST = [400, 413];

/** The same of pictures: some tell with 404, 415 or 422 that the model takes none (OpenRouter, vLLM, Mistral). */
const REFUSED_PICTURES = [400, 404, 413, 415, 422];

/** A refusal is told by its status, never by its text. */
function isRefusal(error: unknown, statuses: number[]): boolean {
	return hasCode(error, "llm_rejected") && statuses.includes(error.status ?? 0);
}

function hasPictures({ messages }: CompletionRequest): boolean {
	return messages.some(({ images = [] }) => images.length > 0);
}

function sameMessages(a: CompletionRequest, b: CompletionRequest): boolean {
	return JSON.stringify(a.messages) === JSON.stringify(b.messages);
}
