// How long a model may take: the settings, and what holds without them.

import * as z from "zod/mini";

/** How long one may wait, in milliseconds. */
export interface Timeouts {
	/** For the status line, from the start. */
	headersMs: number;
	/** For the next byte. */
	silenceMs: number;
	/** For the whole answer. */
	totalMs: number;
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
