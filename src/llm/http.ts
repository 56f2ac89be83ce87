// One POST of JSON to a model's API and the bytes of its answer, with clocks of our own.

import * as z from "zod/mini";
import { AeonError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import { type FarSide, networkError, statusError } from "./failure.ts";

/** How long one may wait, in milliseconds. */
export interface Timeouts {
	/** For the status line, from the start. */
	headersMs: number;
	/** For the next byte. */
	silenceMs: number;
	/** For the whole answer. */
	totalMs: number;
}

/** Where a model's API is asked. */
export interface Endpoint extends FarSide {
	url: string;
	headers: Record<string, string>;
	timeouts: Timeouts;
}

/** What holds where aeon.json sets no other time. A model on one's own machine may load and read for minutes. */
const REMOTE: Timeouts = {
	headersMs: 30_000,
	silenceMs: 60_000,
	totalMs: 600_000,
};
const LOCAL: Timeouts = { ...REMOTE, headersMs: 300_000, silenceMs: 300_000 };

/** The settings that every driver over HTTP has. */
export const TIMEOUT_OPTIONS = {
	headers_timeout_ms: timeout(
		"Milliseconds until the provider must have begun to answer: 30000, on one's own network 300000.",
	),
	silence_timeout_ms: timeout(
		"Milliseconds that an answer may pause: 60000, on one's own network 300000.",
	),
	total_timeout_ms: timeout(
		"Milliseconds that one answer may take in all: 600000.",
	),
};

/** The timeouts of a section of aeon.json, for a provider at this address. */
export function readTimeouts(
	options: {
		headers_timeout_ms?: number | undefined;
		silence_timeout_ms?: number | undefined;
		total_timeout_ms?: number | undefined;
	},
	address: URL,
): Timeouts {
	const usual = isLocal(address) ? LOCAL : REMOTE;
	return {
		headersMs: options.headers_timeout_ms ?? usual.headersMs,
		silenceMs: options.silence_timeout_ms ?? usual.silenceMs,
		totalMs: options.total_timeout_ms ?? usual.totalMs,
	};
}

const MAX_ERROR_BODY = 64 * 1024;

/**
 * Posts `body` and gives the bytes of a good answer as they come. Throws `llm_unavailable` or `llm_rejected`; an abort
 * rethrows `signal.reason`. Leaving the loop closes the connection.
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
		const response = await platform.fetch(endpoint.url, {
			method: "POST",
			headers: { "content-type": "application/json", ...endpoint.headers },
			body: JSON.stringify(body),
			signal: line.signal,
			// A redirect would take the key along to another host.
			redirect: "manual",
			// A pooled connection may be half open: it takes the request and never answers (bun#31894).
			keepalive: false,
		});
		answered = true;
		clearTimeout(clock);
		if (!response.ok) {
			clock = hangUpAfter(timeouts.silenceMs, "fell silent for");
			const text = await readErrorBody(response);
			const { status, headers } = response;
			throw statusError(endpoint, status, headers, text, Date.now());
		}
		if (response.headers.get("content-type")?.includes("text/html")) {
			throw new AeonError(
				"llm_rejected",
				`${host} sent a web page, not an answer`,
				{ hint: "Check base_url." },
			);
		}
		const reader = response.body?.getReader();
		for (;;) {
			clock = hangUpAfter(timeouts.silenceMs, "fell silent for");
			const chunk = await reader?.read();
			clearTimeout(clock);
			if (chunk?.value === undefined) return;
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
async function readErrorBody(response: Response): Promise<string> {
	const decoder = new TextDecoder();
	const reader = response.body?.getReader();
	let text = "";
	try {
		while (text.length < MAX_ERROR_BODY) {
			const chunk = await reader?.read();
			if (chunk?.value === undefined) break;
			text += decoder.decode(chunk.value, { stream: true });
		}
	} catch {
		return text;
	}
	return text;
}

/** True of this machine and of private networks (RFC 1918, RFC 6762's `.local`, names without a dot). */
function isLocal({ hostname }: URL): boolean {
	return /^(localhost|[^.:]+|.*\.local|127\..*|10\..*|192\.168\..*|172\.(1[6-9]|2\d|3[01])\..*|\[::1\]|\[f[cd].*)$/.test(
		hostname,
	);
}

function timeout(description: string) {
	const positive = z.int().check(z.positive(), z.lte(86_400_000));
	return z.optional(positive.check(z.describe(description)));
}
