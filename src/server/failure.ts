// What went wrong with a request, in the words of the protocol.

import { AeonError, describeError } from "../core/errors.ts";
import { CODE_ON_WIRE, RETRYABLE, type WireCode } from "./codes.ts";

/** What an error frame says, in either dialect. */
export interface WireFailure {
	code: WireCode;
	message: string;
	details?: Record<string, unknown>;
	retryable?: boolean;
	retryAfterMs?: number;
}

/** A request that cannot be served, with what its answer is to say. */
export class RequestError extends Error {
	readonly failure: WireFailure;

	constructor(failure: WireFailure) {
		super(failure.message);
		this.name = "RequestError";
		this.failure = failure;
	}
}

/** A request that makes no sense, and why. */
export function invalidRequest(
	message: string,
	details?: Record<string, unknown>,
): RequestError {
	return new RequestError({
		code: "INVALID_REQUEST",
		message,
		...(details && { details }),
	});
}

/** Anything thrown as the answer to a request. */
export function describeFailure(error: unknown): WireFailure {
	if (error instanceof RequestError) return error.failure;
	if (!(error instanceof AeonError))
		return {
			code: "INTERNAL",
			message: `A fault in Aeon: ${describeError(error)}`,
		};
	const code = CODE_ON_WIRE[error.code];
	return {
		code,
		message: error.message,
		...(RETRYABLE.includes(code) && { retryable: true }),
		...(error.retryAfterMs !== undefined && {
			retryAfterMs: error.retryAfterMs,
		}),
	};
}
