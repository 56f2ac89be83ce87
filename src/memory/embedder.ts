// Texts to vectors, by an OpenAI-compatible endpoint: POST {base_url}/embeddings.

import type { Clock } from "../core/clock.ts";
import { AeonError, describeError } from "../core/errors.ts";
import { asList, asRecord, parseJson } from "../core/json.ts";
import { createRedactor } from "../core/redact.ts";
import {
	refused,
	resting,
	tooSlow,
	unreachable,
	unusable,
} from "./embedder_failure.ts";
import type { EmbeddingOptions } from "./memory.ts";
import { normalised } from "./vector.ts";

/** A model that makes vectors of texts. */
export interface Embedder {
	/** Of one name all vectors can be compared. */
	readonly name: string;
	/** Why the last try failed, where it did. */
	readonly problem: string | undefined;
	/** Vectors of another length are refused from now on; where nothing says how long they are, the first answer does. */
	expect(dimensions: number): void;
	/**
	 * The vectors of these texts, none of them empty: of length 1, and in their order. Throws `peer_rejected` where a text or
	 * the settings are wrong, `peer_unavailable` or `peer_silent` where trying again later may help. With `retryAfterMs` the
	 * endpoint wants to be left alone for so long, and it is. An abort rethrows `signal.reason`.
	 */
	embed(
		texts: readonly string[],
		timeoutMs: number,
		signal: AbortSignal,
	): Promise<Float32Array[]>;
}

/** 64 vectors of 8192 numbers as text. */
const MAX_ANSWER_LENGTH = 64 * 8192 * 24;

/** The embedder of these settings. Asks nobody yet. */
export function openEmbedder(
	options: EmbeddingOptions,
	clock: Clock,
): Embedder {
	const { base_url, api_key, model, dimensions, send_dimensions } = options;
	const url = embeddingsUrl(base_url);
	const { host, origin, pathname } = new URL(url);
	const redact = createRedactor(api_key ? [api_key.reveal()] : []);
	let expected = dimensions;
	let problem: string | undefined;
	let rest: { until: number; asked: AeonError } | undefined;

	const ask = async (input: readonly string[], signal: AbortSignal) => {
		const response = await fetch(url, {
			method: "POST",
			body: JSON.stringify({
				model,
				input,
				encoding_format: "float",
				...(send_dimensions && dimensions && { dimensions }),
			}),
			headers: {
				"content-type": "application/json",
				...(api_key && { authorization: `Bearer ${api_key.reveal()}` }),
			},
			// Elsewhere the key has no business; and a connection kept open may be half dead.
			redirect: "manual",
			keepalive: false,
			signal,
		});
		return { response, text: await readText(response, host) };
	};

	const read = (text: string, count: number): Float32Array[] => {
		const lists = inOrder(asRecord(parseJson(text))?.data);
		if (!lists) throw unusable(host, "something that is no list of vectors");
		if (lists.length !== count)
			throw unusable(host, `${lists.length} vectors for ${count} texts`);
		const wanted = expected ?? lists[0]?.length;
		const other = lists.find(({ length }) => length !== wanted);
		if (other)
			throw unusable(
				host,
				`a vector of ${other.length} numbers where ${wanted} are expected`,
			);
		const vectors = lists.map((numbers) => {
			const vector = normalised(numbers);
			if (!vector) throw unusable(host, "a vector without a direction");
			return vector;
		});
		expected = wanted;
		return vectors;
	};

	const answered = async (
		texts: readonly string[],
		timeoutMs: number,
		signal: AbortSignal,
	) => {
		const restMs = (rest?.until ?? 0) - clock.now();
		if (rest && restMs > 0) throw resting(rest.asked, restMs);
		const timeout = AbortSignal.timeout(timeoutMs);
		let answer: Awaited<ReturnType<typeof ask>>;
		try {
			answer = await ask(texts, AbortSignal.any([signal, timeout]));
		} catch (error) {
			if (timeout.aborted) throw tooSlow(host, timeoutMs, error);
			if (error instanceof AeonError) throw error;
			throw unreachable(host, error);
		}
		const { response, text } = answer;
		if (response.ok) return read(text, texts.length);
		const asked = refused(host, response, text, redact);
		if (asked.retryAfterMs !== undefined)
			rest = { until: clock.now() + asked.retryAfterMs, asked };
		throw asked;
	};

	return {
		name: `${origin}${pathname}|${model}|${dimensions ?? ""}`,

		expect(length) {
			expected ??= length;
		},

		get problem() {
			return problem;
		},

		async embed(texts, timeoutMs, signal) {
			signal.throwIfAborted();
			try {
				const vectors = await answered(texts, timeoutMs, signal);
				problem = undefined;
				return vectors;
			} catch (error) {
				signal.throwIfAborted();
				problem = describeError(error);
				throw error;
			}
		},
	};
}

/** A host alone means its `/v1`, as with models. */
function embeddingsUrl(base: string): string {
	const url = new URL(base);
	const root = url.pathname.replace(/\/+$/, "").replace(/\/embeddings$/, "");
	url.pathname = `${root || "/v1"}/embeddings`;
	return url.href;
}

async function readText({ body }: Response, host: string): Promise<string> {
	const decoder = new TextDecoder();
	let text = "";
	for await (const piece of body ?? []) {
		text += decoder.decode(piece, { stream: true });
		if (text.length > MAX_ANSWER_LENGTH)
			throw unusable(host, "more than any vectors need");
	}
	return text + decoder.decode();
}

/** The numbers for each text, in the order of their indexes. Undefined where it is anything else. */
function inOrder(data: unknown): unknown[][] | undefined {
	const places = new Map<unknown, unknown[]>();
	const entries = asList(data);
	entries.forEach((entry, place) => {
		const { index = place, embedding } = asRecord(entry) ?? {};
		places.set(index, asList(embedding));
	});
	const lists = entries.map((_, place) => places.get(place) ?? []);
	const isWhole = lists.every(({ length }) => length > 0);
	return isWhole && lists.length > 0 ? lists : undefined;
}
