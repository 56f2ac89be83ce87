// Step 8 of a turn, deliver response: how it ended, for the person and for the log.

import { AeonError, describeError } from "../core/errors.ts";
import type { TurnResult } from "../core/event.ts";
import type { Agent } from "./agent.ts";
import type { Turn } from "./turn.ts";

/** Ends a turn that has its whole answer. */
export function deliverResponse(turn: Turn, result: TurnResult): TurnResult {
	const { logger } = turn.parts;
	const { inputTokens, outputTokens } = result.usage;
	logger.info("turn.done", {
		run: result.runId,
		session: result.sessionKey,
		...turn.answeredBy,
		stop: result.stopReason,
		tools: result.toolCalls.length,
		input_tokens: inputTokens,
		output_tokens: outputTokens,
	});
	logger.debug("turn.answer", { run: result.runId, text: result.text });
	turn.tell({ type: "agent.done", result });
	return result;
}

/** Ends a turn that was stopped or went wrong: what it had said stands, with a sentence under it. A turn that said nothing tells why in its error alone. */
export function deliverFailure(turn: Turn, thrown: unknown): TurnResult {
	const { signal, logger, sessionKey } = turn.parts;
	const error = asAeonError(signal.aborted ? signal.reason : thrown);
	const { code, message, hint } = error;
	const isStopped = code === "cancelled" || code === "shutting_down";
	if (turn.isAnswered) turn.remark(lastWords(error));
	else if (turn.text !== "") turn.sayInstead(message);
	const stopReason = isStopped ? "cancelled" : "cut";
	const result = turn.result(stopReason, { code, message });
	turn.tell({ type: "agent.error", result });
	logger[isStopped ? "info" : "error"]("turn.failed", {
		run: turn.runId,
		session: sessionKey,
		error,
		hint,
	});
	return result;
}

/** What stands under an answer that is not whole. */
function lastWords({ code, message }: AeonError): string {
	if (code === "shutting_down")
		return "Aeon is stopping; this goes on when it runs again";
	return code === "cancelled" ? "Stopped" : `The answer was cut: ${message}`;
}

/** Why a turn ends that somebody stopped. */
export function stopped(): AeonError {
	return new AeonError("cancelled", "Stopped.");
}

/** Why an accepted message is not answered before the end of this process. */
export function postponed(): AeonError {
	return new AeonError(
		"shutting_down",
		"Aeon is stopping; this message is answered when it runs again.",
	);
}

/** Why a turn ends that has taken longer than its agent allows. */
export function tooLong(agent: Agent): AeonError {
	return new AeonError(
		"timeout",
		`the turn took longer than ${agent.maxTurnMs / 1000} s`,
		{ hint: "max_turn_seconds of the agent sets this limit." },
	);
}

function asAeonError(error: unknown): AeonError {
	return error instanceof AeonError
		? error
		: new AeonError("internal", `A fault in Aeon: ${describeError(error)}`, {
				cause: error,
			});
}
