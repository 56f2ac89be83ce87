// Calls to the Graph API's hosts: each with the token, within its time, over a connection of its own.

import { AeonError } from "../../core/errors.ts";
import { createRedactor } from "../../core/redact.ts";
import type { Secret } from "../../core/secret.ts";
import {
	stalled,
	strangeAnswer,
	strangeReply,
	tooLate,
} from "../peer/failure.ts";
import { TimeLimit } from "../peer/time_limit.ts";
import {
	download,
	type Exchange,
	type Fetch,
	get,
	jsonObject,
	type Posted,
	post,
	type Reply,
} from "../peer/transport.ts";
import { graphFailure, unusableToken, WHATSAPP } from "./failure.ts";

/** How a call is to end before it is over. */
export interface CallOptions {
	signal?: AbortSignal | undefined;
	/** 30 s where it is not said. */
	timeoutMs?: number;
}

/** The JSON object of an answer that says yes. */
export type Answer = Record<string, unknown>;

/** What can be asked of Graph. */
export interface Calls {
	/** Throws `peer_silent` where the request went out and no answer came. */
	post(url: string, posted: Posted, options?: CallOptions): Promise<Answer>;
	get(url: string, options?: CallOptions): Promise<Answer>;
	/** The bytes behind a URL, as they come. Throws `peer_rejected` with 404 where they are not there any more. */
	fetchFile(url: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

const CALL_TIMEOUT_MS = 30_000;

/** How long a download may stand still. */
const STALL_MS = 30_000;

/** With what a file's address answers when its five minutes are over, or the file is gone. */
const GONE = [401, 404, 410];

/** Calls with the token as it is at that moment. */
export function openCalls(options: { token(): Secret; fetch: Fetch }): Calls {
	const { fetch } = options;

	const call = async (
		{ signal, timeoutMs = CALL_TIMEOUT_MS }: CallOptions,
		ask: (exchange: Exchange, authorization: string) => Promise<Reply>,
	): Promise<Answer> => {
		const token = readToken(options.token());
		const limit = new TimeLimit(timeoutMs, signal);
		const exchange: Exchange = {
			peer: WHATSAPP,
			fetch,
			signal: limit.signal,
			wasSent: false,
		};
		try {
			const reply = await limit.race(ask(exchange, `Bearer ${token}`));
			return readAnswer(reply, token);
		} catch (error) {
			if (limit.isOver) throw tooLate(WHATSAPP, timeoutMs, exchange.wasSent);
			throw error;
		} finally {
			limit.end();
		}
	};

	return {
		post: (url, { headers, body }, how = {}) =>
			call(how, (exchange, authorization) =>
				post(exchange, url, { headers: { ...headers, authorization }, body }),
			),

		get: (url, how = {}) =>
			call(how, (exchange, authorization) =>
				get(exchange, url, { authorization }),
			),

		async *fetchFile(url, signal) {
			const token = readToken(options.token());
			const limit = new TimeLimit(STALL_MS, signal);
			try {
				const exchange = { peer: WHATSAPP, fetch, signal: limit.signal };
				const headers = { authorization: `Bearer ${token}` };
				const refuse = (reply: Reply) => refusedFile(reply, token);
				for await (const piece of download(exchange, url, headers, refuse)) {
					limit.pause();
					yield piece;
					limit.renew();
				}
			} catch (error) {
				signal.throwIfAborted();
				throw limit.isOver ? stalled(WHATSAPP, STALL_MS) : error;
			} finally {
				limit.end();
			}
		},
	};
}

/** A file that is not to be had. */
export function goneFile(cause?: unknown): AeonError {
	return new AeonError("peer_rejected", "WhatsApp does not have it any more", {
		status: 404,
		cause,
	});
}

/** A token as a header takes it. */
function readToken(secret: Secret): string {
	const token = secret.reveal();
	if (/^[\x21-\x7e]+$/.test(token)) return token;
	throw unusableToken();
}

function readAnswer(reply: Reply, token: string): Answer {
	const { status, headers } = reply;
	const answer = jsonObject(reply.text);
	if (answer && status < 300 && answer.error === undefined) return answer;
	const isGraph = typeof answer?.error === "object" && answer.error !== null;
	if (isGraph || status === 429 || (answer && status === 401))
		throw graphFailure(hiding(reply.text, token), status, headers);
	throw strangeReply(WHATSAPP, status);
}

function refusedFile(reply: Reply, token: string): AeonError {
	const { status, headers, text } = reply;
	if (GONE.includes(status)) return goneFile();
	if (status >= 300 && status < 400)
		return new AeonError(
			"peer_rejected",
			"WhatsApp sends on to another place for a file: it is not fetched",
			{ status },
		);
	return jsonObject(text)?.error
		? graphFailure(hiding(text, token), status, headers)
		: strangeAnswer(WHATSAPP, status);
}

/** An answer in which the token does not stand: Graph quotes one that it cannot read. */
function hiding(text: string, token: string): Answer | undefined {
	const redact = createRedactor([token]);
	return jsonObject(text, (_key, value) =>
		typeof value === "string" ? redact(value) : value,
	);
}
