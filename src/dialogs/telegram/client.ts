// The Bot API as this dialog speaks it: one call, one answer or one clear error, which never shows the token.

import {
	Api,
	GrammyError,
	HttpError,
	InputFile,
	type RawApi,
} from "grammy/web";
import { AeonError } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import { stalled, strangeAnswer, tooLate } from "../peer/failure.ts";
import { TimeLimit } from "../peer/time_limit.ts";
import {
	download,
	type Exchange,
	type Fetch,
	type Reply,
} from "../peer/transport.ts";
import { isUnchanged, type Refusal, refused, TELEGRAM } from "./failure.ts";
import { post, readAnswer } from "./transport.ts";

/** What a method takes and gives, by the Bot API's own names. */
export type Parameters<Method extends keyof RawApi> = NonNullable<
	Parameter<RawApi[Method]>
>;
type Parameter<Call> = Call extends () => unknown
	? Record<string, never>
	: Call extends (payload: infer P, ...rest: never[]) => unknown
		? P
		: never;
/** What a method of the Bot API gives. */
export type Result<Method extends keyof RawApi> = Awaited<
	ReturnType<RawApi[Method]>
>;

/** The Bot API of one bot. */
export interface BotClient {
	/** The bot's own id, which its token begins with; 0 where it does not. */
	readonly botId: number;
	/**
	 * Calls a method once. Throws `peer_unavailable` where nothing was done (no connection, 429 with `retryAfterMs`, 5xx),
	 * `peer_silent` where the connection broke or the time ran out after the request had gone out, `peer_rejected` for
	 * any other 4xx, with the `status`. An abort rethrows `signal.reason`. An edit that changes nothing is done: it gives
	 * `true`. The time is 30 s, for files 5 min, for `getUpdates` its own `timeout` and 15 s.
	 */
	ask<Method extends keyof RawApi>(
		method: Method,
		parameters: Parameters<Method>,
		options?: { signal?: AbortSignal; timeoutMs?: number },
	): Promise<Result<Method>>;
	/** The bytes of a file of `getFile`, from the configured host only. Throws as `ask` does. */
	download(filePath: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

const CALL_TIMEOUT_MS = 30_000;
/** 50 MB, the most that a bot may send, over a slow line. */
const UPLOAD_TIMEOUT_MS = 30 * 60_000;
const POLL_MARGIN_MS = 15_000;

/** How long a download may stand still. */
const STALL_MS = 30_000;

/** Ours ends every call; grammY's own is out of the way. */
const GRAMMY_TIMEOUT_SECONDS = 24 * 60 * 60;

/** Those that grammY calls with a signal alone. */
const WITHOUT_PARAMETERS = ["getMe", "getWebhookInfo", "logOut", "close"];

type Call = (...args: unknown[]) => Promise<unknown>;

/** The Bot API at `apiRoot`. Asks nothing yet. */
export function openClient(options: {
	token: Secret;
	apiRoot: string;
	fetch?: Fetch;
}): BotClient {
	const { fetch = globalThis.fetch } = options;
	const apiRoot = options.apiRoot.replace(/\/+$/, "");
	const token = options.token.reveal();
	const tokenPath = `bot${encodeURIComponent(token).replaceAll("%3A", ":")}`;

	const hide = (refusal: Refusal): Refusal => ({
		...refusal,
		description: String(refusal.description).replaceAll(token, "***"),
	});

	const call = (
		exchange: Exchange,
		method: string,
		parameters: object,
	): Promise<unknown> => {
		const api = new Api(token, {
			apiRoot,
			buildUrl: (root, _token, name) => `${root}/${tokenPath}/${name}`,
			timeoutSeconds: GRAMMY_TIMEOUT_SECONDS,
			fetch: (async (url: string, { headers, body }: RequestInit) => {
				const type = new Headers(headers).get("content-type") ?? "";
				const content = body as string | ReadableStream<Uint8Array>;
				const answer = await post(exchange, url, type, content);
				return { json: async () => answer };
			}) as unknown as typeof globalThis.fetch,
		});
		const named = (api.raw as unknown as Record<string, Call>)[method] as Call;
		return WITHOUT_PARAMETERS.includes(method)
			? named(exchange.signal)
			: named(parameters, exchange.signal);
	};

	return {
		botId: Number(/^(\d+):/.exec(token)?.[1] ?? 0),

		async ask<Method extends keyof RawApi>(
			method: Method,
			parameters: Parameters<Method>,
			{ signal, timeoutMs }: { signal?: AbortSignal; timeoutMs?: number } = {},
		): Promise<Result<Method>> {
			const limitMs = timeoutMs ?? timeLimit(method, parameters);
			const limit = new TimeLimit(limitMs, signal);
			const exchange: Exchange = {
				peer: TELEGRAM,
				fetch,
				signal: limit.signal,
				wasSent: false,
			};
			try {
				const answer = await limit.race(call(exchange, method, parameters));
				return answer as Result<Method>;
			} catch (error) {
				if (error instanceof GrammyError) {
					if (isUnchanged(error)) return true as Result<Method>;
					throw refused(hide(error));
				}
				if (limit.isOver) throw tooLate(TELEGRAM, limitMs, exchange.wasSent);
				throw error instanceof HttpError ? error.error : error;
			} finally {
				limit.end();
			}
		},

		async *download(filePath, signal) {
			const path = pathOf(filePath);
			const limit = new TimeLimit(STALL_MS, signal);
			try {
				const url = `${apiRoot}/file/${tokenPath}/${path}`;
				const exchange = { peer: TELEGRAM, fetch, signal: limit.signal };
				const bytes = download(exchange, url, {}, refuseFile);
				for await (const piece of bytes) {
					limit.pause();
					yield piece;
					limit.renew();
				}
			} catch (error) {
				signal.throwIfAborted();
				throw limit.isOver ? stalled(TELEGRAM, STALL_MS) : error;
			} finally {
				limit.end();
			}
		},
	};

	function refuseFile({ status, text }: Reply): AeonError {
		if (status >= 300 && status < 400)
			return new AeonError(
				"peer_rejected",
				"Telegram sends on to another place for a file: it is not fetched",
				{ status },
			);
		const answer: unknown = readAnswer(text);
		if (!answer) return strangeAnswer(TELEGRAM, status);
		return refused(hide(answer as Refusal));
	}
}

/** The path of a file below its host. Throws `peer_rejected` where it would lead elsewhere. */
function pathOf(filePath: string): string {
	const steps = filePath.split("/");
	if (
		steps.some((step) => /^\.{0,2}$/.test(step)) ||
		/[\\:\p{Cc}]/u.test(filePath)
	)
		throw new AeonError(
			"peer_rejected",
			"Telegram names a file's place in a way that is not followed",
			{
				hint: "A Bot API server of your own must not run with --local.",
			},
		);
	return steps.map(encodeURIComponent).join("/");
}

function timeLimit(method: string, parameters: object): number {
	if (method === "getUpdates" && "timeout" in parameters)
		return Number(parameters.timeout) * 1_000 + POLL_MARGIN_MS;
	const hasFile = Object.values(parameters).some(
		(value) => value instanceof InputFile,
	);
	return hasFile ? UPLOAD_TIMEOUT_MS : CALL_TIMEOUT_MS;
}
