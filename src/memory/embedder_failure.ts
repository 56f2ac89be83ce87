// What goes wrong between Aeon and an endpoint for vectors, as an AeonError.

import { AeonError } from "../core/errors.ts";
import { asRecord, asText, parseJson } from "../core/json.ts";
import { networkWords } from "../core/network.ts";

const MAX_REASON = 300;

/** A longer pause would be a mistake, or malice; and a timer takes no more than 24 days. */
const MAX_REST_MS = 24 * 60 * 60_000;

const HINT = "The section memory.embeddings of aeon.json names it.";

/** The error of an answer with a failing status. `redact` hides the key, which some endpoints repeat. */
export function refused(
	host: string,
	{ status, headers }: Response,
	text: string,
	redact: (text: string) => string,
): AeonError {
	const line = redact(reasonOf(text))
		.replace(/[\s\p{C}]+/gu, " ")
		.trim();
	const said = `${host} said ${status}`;
	const isPassing = status === 408 || status === 429 || status >= 500;
	return new AeonError(
		isPassing ? "peer_unavailable" : "peer_rejected",
		line ? `${said}: ${line.slice(0, MAX_REASON).toWellFormed()}` : said,
		{
			status,
			retryAfterMs: isPassing ? readRetryAfter(headers) : undefined,
			hint: HINT,
		},
	);
}

/** The error of an answer that is not what was asked for: `what` stands after "answered with". */
export function unusable(host: string, what: string): AeonError {
	return new AeonError("peer_rejected", `${host} answered with ${what}`, {
		hint: HINT,
	});
}

/** The error of no answer in time. */
export function tooSlow(
	host: string,
	timeoutMs: number,
	cause: unknown,
): AeonError {
	return new AeonError(
		"peer_silent",
		`${host} did not answer within ${timeoutMs / 1000} s`,
		{ cause, hint: HINT },
	);
}

/** The error of a connection that did not come about, or did not hold. */
export function unreachable(host: string, cause: unknown): AeonError {
	return new AeonError(
		"peer_unavailable",
		`${host} cannot be reached: ${networkWords(cause)}`,
		{ cause, hint: HINT },
	);
}

/** The error of an endpoint that asked to be left alone, so long before it may be asked again. */
export function resting(asked: AeonError, retryAfterMs: number): AeonError {
	const { code, message, status, hint } = asked;
	return new AeonError(code, message, { status, hint, retryAfterMs });
}

/** What an error says, in the shapes that OpenAI, FastAPI and llama.cpp give it; a page says nothing. */
function reasonOf(text: string): string {
	const value = asRecord(parseJson(text));
	if (!value) return text.trimStart().startsWith("<") ? "" : text;
	return (
		asText(asRecord(value.error)?.message) ||
		asText(value.error) ||
		asText(value.message) ||
		asText(value.detail)
	);
}

/** Seconds or a date (RFC 9110, 10.2.3), as milliseconds from now. */
function readRetryAfter(headers: Headers): number | undefined {
	const after = headers.get("retry-after")?.trim() ?? "";
	const wanted = /^\d+(\.\d+)?$/.test(after)
		? Number(after) * 1000
		: Date.parse(after) - Date.now();
	return wanted > 0 ? Math.min(wanted, MAX_REST_MS) : undefined;
}
