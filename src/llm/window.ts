// How a model's window is shared by the request and its answer.

import * as z from "zod/mini";

/** The share of the window that an answer may have at most, whatever was asked for: the conversation needs the other one. */
const MAX_ANSWER_SHARE = 0.5;

/** The setting `context_window`, of a driver whose models mostly have a window of so many tokens. */
export function contextWindow(tokens: number) {
	return z._default(
		z
			.int()
			.check(
				z.positive(),
				z.describe("Tokens of request and answer together that fit."),
			),
		tokens,
	);
}

/** The tokens that an answer gets of those it was to have. */
export function limitAnswer(wanted: number, contextWindow: number): number {
	return Math.min(wanted, Math.floor(contextWindow * MAX_ANSWER_SHARE));
}
