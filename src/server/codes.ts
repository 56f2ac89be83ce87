// The codes of errors on the wire, and what Aeon's own are there.

import type { ErrorCode } from "../core/errors.ts";

/** What can go wrong, for programs. A code never changes its meaning; a message may. */
export const WIRE_CODES = [
	"PARSE_ERROR",
	"INVALID_REQUEST",
	"UNKNOWN_METHOD",
	"UNAUTHORIZED",
	"FORBIDDEN",
	"NOT_FOUND",
	"CONFLICT",
	"BUSY",
	"RATE_LIMITED",
	"TOO_LARGE",
	"CANCELLED",
	"TIMEOUT",
	"LLM_UNAVAILABLE",
	"LLM_REJECTED",
	"BUDGET_EXCEEDED",
	"SHUTTING_DOWN",
	"INTERNAL",
] as const;

/** What an error is called on the wire. */
export type WireCode = (typeof WIRE_CODES)[number];

/** Aeon's own codes in the words of the wire. */
export const CODE_ON_WIRE: Record<ErrorCode, WireCode> = {
	usage: "INVALID_REQUEST",
	config_invalid: "INTERNAL",
	not_found: "NOT_FOUND",
	busy: "BUSY",
	conflict: "CONFLICT",
	unauthorized: "UNAUTHORIZED",
	forbidden: "FORBIDDEN",
	rate_limited: "RATE_LIMITED",
	shutting_down: "SHUTTING_DOWN",
	too_large: "TOO_LARGE",
	cancelled: "CANCELLED",
	timeout: "TIMEOUT",
	llm_unavailable: "LLM_UNAVAILABLE",
	llm_rejected: "LLM_REJECTED",
	peer_unavailable: "TIMEOUT",
	peer_rejected: "FORBIDDEN",
	peer_silent: "TIMEOUT",
	interrupted: "INTERNAL",
	storage_failed: "INTERNAL",
	internal: "INTERNAL",
};

/** Codes after which the same request may succeed later. */
export const RETRYABLE: readonly WireCode[] = [
	"BUSY",
	"RATE_LIMITED",
	"LLM_UNAVAILABLE",
	"SHUTTING_DOWN",
];
