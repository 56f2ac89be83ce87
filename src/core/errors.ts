/** What went wrong, for programs. A code never changes its meaning; on the wire it is written in capitals. */
export type ErrorCode =
	| "usage" // the command line makes no sense
	| "config_invalid" // aeon.json cannot be used as it is
	| "not_found" // the named session, file or agent does not exist
	| "busy" // a session's queue is full
	| "conflict" // it cannot be done as things are, such as a second server on one state directory
	| "unauthorized" // the token is missing or wrong
	| "forbidden" // it may not be done from there
	| "rate_limited" // too often, too fast
	| "shutting_down" // the server is about to end and takes in nothing new
	| "too_large" // the message cannot fit the model's window
	| "cancelled" // somebody stopped the turn
	| "timeout" // the turn's own wall-clock limit
	| "llm_unavailable" // trying the model again later may help
	| "llm_rejected" // trying the model again will not help
	| "peer_unavailable" // a platform such as Telegram did nothing; trying again later may help
	| "peer_rejected" // a platform refused; trying again will not help
	| "peer_silent" // a platform was asked and did not answer: whether it was done is unknown
	| "interrupted" // a turn was begun several times and the process always ended in it
	| "storage_failed" // the store cannot be read or written
	| "internal"; // a fault of Aeon's own

/** What an AeonError may carry beside its code and message. */
export interface ErrorDetails {
	/** What the operator can do about it; for the terminal and the log, never for a chat. */
	hint?: string;
	cause?: unknown;
	/** The HTTP status of the far side, where there was one. */
	status?: number;
	/** How long the far side asked to be left alone, in milliseconds. */
	retryAfterMs?: number;
}

/** The one error class: a code for programs, a message that a person can read, a hint for the operator. */
export class AeonError extends Error {
	readonly code: ErrorCode;
	readonly hint: string | undefined;
	readonly status: number | undefined;
	readonly retryAfterMs: number | undefined;

	constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
		super(
			message,
			details.cause === undefined ? undefined : { cause: details.cause },
		);
		this.name = "AeonError";
		this.code = code;
		this.hint = details.hint;
		this.status = details.status;
		this.retryAfterMs = details.retryAfterMs;
	}
}

/** True of an AeonError that has one of these codes. */
export function hasCode(
	error: unknown,
	...codes: ErrorCode[]
): error is AeonError {
	return error instanceof AeonError && codes.includes(error.code);
}

/** Any thrown value as one line a person can read; no stack, no object dump. */
export function describeError(error: unknown): string {
	if (error instanceof Error) return error.message || error.name;
	return String(error);
}
