// What the Graph API says no with, as AeonErrors: judged by its code and never by its words.

import { AeonError, describeError } from "../../core/errors.ts";
import type { Peer } from "../peer/failure.ts";
import {
	type CodeMeaning,
	type FailureKind,
	type FailureScope,
	meaningOf,
	meaningOfStatus,
} from "./codes.ts";

/** WhatsApp, as sentences about it have it. */
export const WHATSAPP: Peer = { name: "WhatsApp", api: "Graph API" };

/** What is known of an error beside what it says. */
interface Facts {
	kind: FailureKind;
	/** Graph's own; none where it is no number. */
	code?: number;
	scope?: FailureScope | undefined;
	limitsCalls?: boolean | undefined;
	isBlock?: boolean | undefined;
	/** Aeon's own. */
	sentence?: string;
}

const MAX_SAID_LENGTH = 200;
const MAX_RETRY_AFTER_MS = 24 * 60 * 60_000;

const TOKEN_HINT =
	"Check dialogs.whatsapp.access_token and phone_number_id: Meta's app shows both under WhatsApp, API Setup. A token of a system user does not expire.";

/** Of the codes about a token, those that say nobody knows it. */
const DISOWNED = [0, 102, 190];

/** Said of a number that there is not, as well as of one that the token may not see. */
const UNKNOWN_OBJECT = 100;

const facts = new WeakMap<AeonError, Facts>();

/** What a refusing answer comes to. The token must be hidden in it already. */
export function graphFailure(
	answer: unknown,
	status: number,
	headers?: Headers,
): AeonError {
	const { error } = fieldsOf(answer);
	return failureOf(fieldsOf(error), status, headers);
}

/** What the errors of a message's status come to, which are told when the message was taken already. */
export function reportFailure(errors: unknown): AeonError {
	const list = Array.isArray(errors) ? errors : [errors];
	const numbered = list.find((one) => typeof fieldsOf(one).code === "number");
	return failureOf(fieldsOf(numbered ?? list[0]), 0);
}

/** A token that cannot even be sent. */
export function unusableToken(): AeonError {
	const error = errorOf(
		"token",
		"The access token has characters that no token has: copy it once more, as one line",
		401,
	);
	facts.set(error, { kind: "token", scope: "account", isBlock: true });
	return error;
}

/** Whom an error of Graph's is about; undefined where it is about one message, and of any other error. */
export function scopeOf(error: unknown): FailureScope | undefined {
	return factsOf(error)?.scope;
}

/** What is to be done about an error of Graph's; undefined of any other. */
export function kindOf(error: unknown): FailureKind | undefined {
	return factsOf(error)?.kind;
}

/** The code that Graph gave; undefined where it gave none. */
export function codeOf(error: unknown): number | undefined {
	return factsOf(error)?.code;
}

/** True where Graph limits calls of every kind. */
export function limitsCalls(error: unknown): boolean {
	return factsOf(error)?.limitsCalls === true;
}

/** True where nothing can be sent until somebody has put it right, or an hour is over. */
export function isBlock(error: unknown): boolean {
	return factsOf(error)?.isBlock === true;
}

/** True where Graph does not know the token at all: it did not get to what the token may do. */
export function isDisowned(error: unknown): boolean {
	const known = factsOf(error);
	const { kind, code } = known ?? {};
	return kind === "token" && (code === undefined || DISOWNED.includes(code));
}

/** True where Graph knows the token, which may not do this. */
export function isForbidden(error: unknown): boolean {
	const { kind, code } = factsOf(error) ?? {};
	return kind === "token" && !isDisowned(error) && code !== UNKNOWN_OBJECT;
}

/**
 * What the dialog's state has to say of an error that concerns the whole account: the same as long as it is the same, which
 * what Graph says need not be.
 */
export function accountProblem(error: unknown): string | undefined {
	const { scope, sentence, code } = factsOf(error) ?? {};
	if (scope !== "account") return undefined;
	if (!sentence) return describeError(error);
	return code === undefined ? sentence : `${sentence} (${code})`;
}

/** The same failure for a call that is not made at all before so long. */
export function postponed(error: AeonError, leftMs: number): AeonError {
	const later = new AeonError("peer_unavailable", error.message, {
		...(error.hint !== undefined && { hint: error.hint }),
		...(error.status !== undefined && { status: error.status }),
		retryAfterMs: leftMs,
	});
	const known = facts.get(error);
	if (known) facts.set(later, known);
	return later;
}

type Fields = Record<string, unknown>;

function failureOf(fields: Fields, status: number, headers?: Headers) {
	const { code, error_subcode, is_transient } = fields;
	const number = typeof code === "number" ? code : undefined;
	const meaning =
		(number === undefined ? undefined : meaningOf(number, error_subcode)) ??
		(is_transient === true ? PASSING : undefined) ??
		meaningOfStatus(status) ??
		UNKNOWN;
	const asked = retryAfter(headers);
	const { kind, pauseMs, limitsCalls, isBlock } = meaning;
	const retryAfterMs = asked ?? pauseMs;
	const said = saidBy(fields, number ?? (status || undefined));
	const message = meaning.sentence ? `${meaning.sentence}. ${said}` : said;
	// Who says how long to wait says it of everything, where it is not known to be about a chat.
	const isForAll = kind === "again" && asked !== undefined;
	const scope = meaning.scope ?? (isForAll ? "account" : undefined);
	const error = errorOf(kind, message, status, retryAfterMs);
	facts.set(error, {
		kind,
		scope,
		isBlock,
		sentence: meaning.sentence,
		limitsCalls: limitsCalls ?? (isForAll && meaning.scope === undefined),
		...(number !== undefined && { code: number }),
	});
	return error;
}

const PASSING: CodeMeaning = { kind: "again", sentence: "" };
const UNKNOWN: CodeMeaning = { kind: "refused", sentence: "" };

function errorOf(
	kind: FailureKind,
	message: string,
	status: number,
	retryAfterMs?: number,
): AeonError {
	switch (kind) {
		case "again":
		case "account":
			return new AeonError("peer_unavailable", message, {
				...(status !== 0 && { status }),
				...(retryAfterMs !== undefined && { retryAfterMs }),
			});
		case "token":
			return new AeonError("peer_rejected", message, {
				status: 401,
				hint: TOKEN_HINT,
			});
		case "shut":
			return new AeonError("peer_rejected", message, { status: 403 });
		case "refused":
			// Those that mean more to whoever sends are not Graph's to say.
			return new AeonError("peer_rejected", message, {
				status: [0, 400, 401, 403].includes(status) ? 422 : status,
			});
	}
}

/** What Graph said, on one line. */
function saidBy(fields: Fields, number: number | undefined): string {
	const { message, title, error_data } = fields;
	const { details = error_data } = fieldsOf(error_data);
	const words = [lineOf(message) || lineOf(title), lineOf(details)]
		.map((one) => one.replace(/^\(#\d+\) */, ""))
		.filter((one) => one !== "");
	const said = [...new Set(words)].join(": ");
	const head =
		number === undefined ? "WhatsApp said" : `WhatsApp said ${number}`;
	if (said === "")
		return number === undefined ? "WhatsApp does not say why" : head;
	return `${head}: ${cut(said)}`;
}

function cut(text: string): string {
	return text.length > MAX_SAID_LENGTH
		? `${text.slice(0, MAX_SAID_LENGTH - 1).toWellFormed()}…`
		: text;
}

function lineOf(value: unknown): string {
	if (typeof value !== "string") return "";
	return value
		.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
		.toWellFormed()
		.trim();
}

/** `Retry-After` (RFC 9110, 10.2.3): seconds, or a date, which counts from the one that the answer has. */
function retryAfter(headers: Headers | undefined): number | undefined {
	const text = headers?.get("retry-after")?.trim();
	if (!text) return undefined;
	const now = Date.parse(headers?.get("date") ?? "") || Date.now();
	const ms = /^\d+(\.\d+)?$/.test(text)
		? Number(text) * 1_000
		: Date.parse(text) - now;
	return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : undefined;
}

function fieldsOf(value: unknown): Fields {
	return typeof value === "object" && value !== null ? { ...value } : {};
}

function factsOf(error: unknown): Facts | undefined {
	return error instanceof AeonError ? facts.get(error) : undefined;
}
