// What goes wrong between a client and a server, as AeonErrors that say what to do.

import { AeonError, type ErrorCode } from "../core/errors.ts";
import { asRecord } from "../core/json.ts";
import type { WireCode } from "../server/codes.ts";
import type { ErrorFrame } from "../server/frames.ts";

/** Where a server is, and what proves that one may come in. */
export interface Address {
	/** `ws://…` or `wss://…`. */
	url: string;
	token: string;
}

/** The codes of the wire in Aeon's own words. */
const CODES: Record<WireCode, ErrorCode> = {
	PARSE_ERROR: "internal",
	INVALID_REQUEST: "usage",
	UNKNOWN_METHOD: "internal",
	UNAUTHORIZED: "unauthorized",
	FORBIDDEN: "forbidden",
	NOT_FOUND: "not_found",
	CONFLICT: "conflict",
	BUSY: "busy",
	RATE_LIMITED: "rate_limited",
	TOO_LARGE: "too_large",
	CANCELLED: "cancelled",
	TIMEOUT: "timeout",
	LLM_UNAVAILABLE: "llm_unavailable",
	LLM_REJECTED: "llm_rejected",
	BUDGET_EXCEEDED: "llm_rejected",
	SHUTTING_DOWN: "shutting_down",
	INTERNAL: "internal",
};

/** An error frame as the error it was made of. */
export function failureOf(frame: ErrorFrame): AeonError {
	const { code, message, retryAfterMs } = frame;
	return new AeonError(
		Object.hasOwn(CODES, code) ? CODES[code] : "internal",
		message,
		{ cause: frame, ...(retryAfterMs !== undefined && { retryAfterMs }) },
	);
}

/** The error frame behind an error; undefined where the server has said nothing. */
export function answerOf(error: unknown): ErrorFrame | undefined {
	const frame = error instanceof AeonError ? asRecord(error.cause) : undefined;
	return frame?.type === "error" ? (frame as ErrorFrame) : undefined;
}

/** Nothing listens there, or nothing that could be spoken to. */
export function unreachable(url: string, reason: string): AeonError {
	return new AeonError(
		"not_found",
		`${url} cannot be reached (${reason}): is aeon serve running there?`,
	);
}

/** Something listens there and says nothing. */
export function silent(url: string): AeonError {
	return new AeonError("timeout", `${url} does not answer`, {
		hint: "Is aeon serve running there, and is there no firewall in between?",
	});
}

/** The server answered the handshake with something else than a WebSocket. */
export function refused(url: string, status: number): AeonError {
	switch (status) {
		case 401:
			return new AeonError("unauthorized", `${url}: the token is wrong`, {
				status,
				hint: "The right one lies in ~/.aeon/token of the user who runs aeon serve, unless server.token in its aeon.json is another.",
			});
		case 403:
			return new AeonError(
				"forbidden",
				`${url}: the server may not be asked for by this name`,
				{
					status,
					hint: `To allow it, add "${new URL(url).hostname}" to server.hosts in its aeon.json.`,
				},
			);
		case 429:
			return new AeonError(
				"rate_limited",
				`${url}: too many wrong tokens came from here`,
				{ status, hint: "Wait a minute, then use the right one." },
			);
		default:
			return new AeonError(
				status >= 500 ? "busy" : "not_found",
				`${url} takes no client: it says ${status}`,
				{ status, hint: "Is it the address of aeon serve?" },
			);
	}
}

/** True where trying again would give the same. */
export function isFinal(error: unknown): boolean {
	if (!(error instanceof AeonError)) return true;
	const { status = 500, code } = error;
	return status < 500 || code === "usage";
}
