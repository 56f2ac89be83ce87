// What goes wrong at the far side, as an AeonError: told apart by status, type and code, never by words in a text.

import { AeonError } from "../core/errors.ts";
import { asCount, asList, asRecord, asText, parseJson } from "../core/json.ts";
import { createRedactor } from "../core/redact.ts";
import type { Secret } from "../core/secret.ts";

/** Whom a failure is about, and what must never appear in what is said of it. */
export interface FarSide {
	/** Host and port, for people. */
	host: string;
	secrets: Secret[];
}

/** What an error object of a model's API says. */
export interface Fault {
	message: string;
	type: string;
	/** A word, or a number that is an HTTP status (OpenRouter). */
	code: string;
}

const MAX_MESSAGE = 300;
const MAX_PAGE_EXCERPT = 100;

/** Error types and codes of Anthropic's and OpenAI's APIs that the same request would meet again. */
const LASTING = new Set([
	"authentication_error",
	"billing_error",
	"billing_hard_limit_reached",
	"content_policy_violation",
	"context_length_exceeded",
	"insufficient_quota",
	"invalid_api_key",
	"invalid_request_error",
	"model_not_found",
	"not_found_error",
	"permission_error",
	"request_too_large",
	"unsupported_parameter",
	"unsupported_value",
]);

/** Codes that pass, whatever the type beside them says. */
const PASSING = new Set(["rate_limit_exceeded", "server_error", "timeout"]);

const LOCAL_HOST =
	/^(localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\]|[^:]+\.local)(:\d+)?$/;

/** True of a status that may be another one in a while (408, 409, 429, 5xx; 529 is Anthropic's "overloaded"). */
function isPassing(status: number): boolean {
	return [408, 409, 429].includes(status) || status >= 500;
}

/** The error of an answer with a failing status. `now` is for a Retry-After that is a date. */
export function statusError(
	side: FarSide,
	status: number,
	headers: Headers,
	body: string,
	now: number,
): AeonError {
	const fault = readFault(body);
	const lasting =
		!isPassing(status) ||
		[fault.code, fault.type].includes("insufficient_quota");
	return new AeonError(
		lasting ? "llm_rejected" : "llm_unavailable",
		sentence(side, String(status), fault.message),
		{
			status,
			hint: hintOn(lasting, status),
			retryAfterMs: readRetryAfter(headers, now),
		},
	);
}

/** The error of a fault that came inside an answer with status 200. */
export function faultError(side: FarSide, fault: Fault): AeonError {
	const status = /^[45]\d\d$/.test(fault.code) ? Number(fault.code) : undefined;
	const lasting =
		status === undefined
			? LASTING.has(fault.code) ||
				(LASTING.has(fault.type) && !PASSING.has(fault.code))
			: !isPassing(status);
	return new AeonError(
		lasting ? "llm_rejected" : "llm_unavailable",
		sentence(side, fault.type || fault.code, fault.message),
		{ status, hint: hintOn(lasting, status) },
	);
}

/** The error of a connection that did not come about, or did not hold. */
export function networkError(
	side: FarSide,
	cause: unknown,
	answered: boolean,
): AeonError {
	const code = asText((cause as { code?: unknown } | undefined)?.code);
	const reason =
		code || (cause instanceof Error ? cause.name : "unknown error");
	return new AeonError(
		"llm_unavailable",
		answered
			? `the connection to ${side.host} broke off (${reason})`
			: `${side.host} cannot be reached (${reason})`,
		{ cause, hint: answered ? undefined : hintOnNetwork(side.host, code) },
	);
}

/** The error object of an answer, in any of the shapes that APIs and the proxies before them give it. */
export function parseFault(value: unknown): Fault {
	if (Array.isArray(value)) return parseFault(asList(value)[0]);
	const outer = asRecord(value);
	if (outer === undefined) {
		return { message: asText(value), type: "", code: "" };
	}
	const inner = asRecord(outer.error) ?? outer;
	return {
		message: [inner.message, outer.error, outer.message, outer.detail]
			.map(asText)
			.reduce((found, text) => found || text),
		type: inner === outer && outer.type === "error" ? "" : asText(inner.type),
		code: String(asCount(inner.code) ?? asText(inner.code)),
	};
}

function readFault(body: string): Fault {
	const value = parseJson(body);
	if (value !== undefined) return parseFault(value);
	return { message: excerpt(body), type: "", code: "" };
}

/** The words of a page that a proxy put in the place of an error. */
function excerpt(body: string): string {
	if (!body.trimStart().startsWith("<")) return body;
	return body
		.replace(/<(script|style)\b[\s\S]*?<\/\1>/gi, " ")
		.replace(/<[^>]*>/g, " ")
		.trim()
		.slice(0, MAX_PAGE_EXCERPT);
}

function sentence(side: FarSide, word: string, message: string): string {
	const said = word ? `${side.host} said ${word}` : `${side.host} failed`;
	const text = cleanLine(side, message);
	return text ? `${said}: ${text}` : said;
}

/** One line without secrets. Scrubbed before it is cut, so that no half of a key is left at the end. */
function cleanLine(side: FarSide, text: string): string {
	const redact = createRedactor(side.secrets.map((secret) => secret.reveal()));
	const line = redact(text)
		.replace(/[\s\p{Cc}]+/gu, " ")
		.trim();
	if (line.length <= MAX_MESSAGE) return line;
	return `${line.slice(0, MAX_MESSAGE - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/** `retry-after-ms`, or `retry-after` as seconds or as a date (RFC 9110, 10.2.3), in milliseconds. */
function readRetryAfter(headers: Headers, now: number): number | undefined {
	const ms = headers.get("retry-after-ms")?.trim();
	if (ms && /^\d+(\.\d+)?$/.test(ms)) return Math.ceil(Number(ms));
	const after = headers.get("retry-after")?.trim();
	if (!after) return undefined;
	if (/^\d+(\.\d+)?$/.test(after)) return Math.ceil(Number(after) * 1000);
	// Date.parse takes nearly anything for a date, "-3" too; a date here begins with its day.
	const date = /^[a-z]/i.test(after) ? Date.parse(after) : Number.NaN;
	return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function hintOn(lasting: boolean, status = 0): string | undefined {
	if (status >= 300 && status < 400) return "Check base_url: it moved.";
	if (status === 401 || status === 403) return "Check api_key.";
	if (status === 404) return "Check model and base_url.";
	if (status === 402 || (status === 429 && lasting)) {
		return "Check the balance of the account that api_key belongs to.";
	}
	return undefined;
}

function hintOnNetwork(host: string, code: string): string | undefined {
	if (code === "ECONNREFUSED" && LOCAL_HOST.test(host)) {
		return "Is the local model server running?";
	}
	if (code === "ENOTFOUND" || code === "ECONNREFUSED") {
		return "Check base_url and the network.";
	}
	return undefined;
}
