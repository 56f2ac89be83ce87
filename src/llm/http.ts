// One POST of JSON to a model's API and the bytes of its answer, with clocks of our own.

import type { IncomingHttpHeaders } from "node:http";
import { AeonError } from "../core/errors.ts";
import { readBody, send } from "./connection.ts";
import { type FarSide, networkError, statusError } from "./failure.ts";
import type { Timeouts } from "./timeouts.ts";

/** Where a model's API is asked. */
export interface Endpoint extends FarSide {
	url: string;
	headers: Record<string, string>;
	timeouts: Timeouts;
}

const MAX_ERROR_BODY = 64 * 1024;

/**
 * Posts `body` and gives the bytes of a good answer as they come. Throws `llm_unavailable` or `llm_rejected`; an abort
 * rethrows `signal.reason`. Leaving the loop closes the connection. What arrived before a connection broke is given before
 * the break is thrown.
 */
export async function* post(
	endpoint: Endpoint,
	body: unknown,
	signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
	signal.throwIfAborted();
	const { host, timeouts } = endpoint;
	const line = new AbortController();
	const hangUp = () => line.abort(signal.reason);
	signal.addEventListener("abort", hangUp, { once: true });
	const hangUpAfter = (ms: number, what: string) =>
		setTimeout(() => {
			const message = `${host} ${what} ${ms / 1000} s`;
			line.abort(new AeonError("llm_unavailable", message));
		}, ms);
	const total = hangUpAfter(timeouts.totalMs, "did not finish within");
	let clock = hangUpAfter(timeouts.headersMs, "did not answer within");
	let answered = false;
	try {
		const response = await send(
			endpoint.url,
			endpoint.headers,
			JSON.stringify(body),
			line.signal,
		);
		answered = true;
		clearTimeout(clock);
		const bytes = readBody(response, line.signal);
		const { statusCode: status = 0, headers } = response;
		if (status < 200 || status > 299) {
			clock = hangUpAfter(timeouts.silenceMs, "fell silent for");
			const text = await readErrorBody(bytes);
			throw statusError(endpoint, status, asHeaders(headers), text, Date.now());
		}
		if (headers["content-type"]?.includes("text/html")) {
			throw new AeonError(
				"llm_rejected",
				`${host} sent a web page, not an answer`,
				{ hint: "Check base_url." },
			);
		}
		for (;;) {
			clock = hangUpAfter(timeouts.silenceMs, "fell silent for");
			const chunk = await bytes.next();
			clearTimeout(clock);
			if (chunk.done) return;
			yield chunk.value;
		}
	} catch (error) {
		signal.throwIfAborted();
		if (error instanceof AeonError) throw error;
		throw networkError(endpoint, error, answered);
	} finally {
		clearTimeout(total);
		clearTimeout(clock);
		signal.removeEventListener("abort", hangUp);
		line.abort();
	}
}

/** What there is of it: the status matters more than a body that does not come. */
async function readErrorBody(
	bytes: AsyncIterable<Uint8Array>,
): Promise<string> {
	const decoder = new TextDecoder();
	let text = "";
	try {
		for await (const chunk of bytes) {
			text += decoder.decode(chunk, { stream: true });
			if (text.length >= MAX_ERROR_BODY) break;
		}
	} catch {
		return text;
	}
	return text;
}

function asHeaders(headers: IncomingHttpHeaders): Headers {
	return new Headers(
		Object.entries(headers).flatMap(([name, value]) =>
			typeof value === "string" ? [[name, value] as [string, string]] : [],
		),
	);
}
