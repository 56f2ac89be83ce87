// Speech to words, by an OpenAI-compatible endpoint: POST {base_url}/audio/transcriptions.

import { AeonError } from "../core/errors.ts";
import { asRecord, asText, parseJson } from "../core/json.ts";
import { networkWords } from "../core/network.ts";
import { createRedactor } from "../core/redact.ts";
import type { Secret } from "../core/secret.ts";

/** Who makes words of what is spoken. */
export interface Transcriber {
	/**
	 * The words in a recording, none where nothing was understood. Throws `peer_unavailable`, `peer_silent` or
	 * `peer_rejected`; an abort rethrows `signal.reason`.
	 */
	transcribe(recording: Recording, signal: AbortSignal): Promise<string>;
}

/** Sound, whole. */
export interface Recording {
	/** Its extension tells the endpoint the kind. */
	name: string;
	mimeType: string;
	bytes: Uint8Array;
}

/** The section `transcription` of aeon.json. */
export interface TranscriberOptions {
	base_url: string;
	api_key?: Secret | undefined;
	model: string;
	language?: string | undefined;
}

const TIMEOUT_MS = 120_000;

/** No transcript is as long; no error needs to be. */
const MAX_ANSWER_BYTES = 2_000_000;
const MAX_REASON = 300;

/** The transcriber of these settings. Asks nobody yet. */
export function openTranscriber(
	options: TranscriberOptions,
	timeoutMs = TIMEOUT_MS,
): Transcriber {
	const { base_url, api_key, model, language } = options;
	const url = transcriptionsUrl(base_url);
	const { host } = new URL(url);
	const redact = createRedactor(api_key ? [api_key.reveal()] : []);

	const ask = async (recording: Recording, signal: AbortSignal) => {
		const { name, mimeType, bytes } = recording;
		const form = new FormData();
		form.set("model", model);
		form.set("response_format", "json");
		if (language) form.set("language", language);
		form.set("file", new Blob([bytes], { type: mimeType }), name);
		const response = await fetch(url, {
			method: "POST",
			body: form,
			headers: api_key ? { authorization: `Bearer ${api_key.reveal()}` } : {},
			// Elsewhere the key has no business; and a connection kept open may be half dead.
			redirect: "manual",
			keepalive: false,
			signal,
		});
		return { response, text: await readText(response) };
	};

	return {
		async transcribe(recording, signal) {
			signal.throwIfAborted();
			const timeout = AbortSignal.timeout(timeoutMs);
			let answer: Awaited<ReturnType<typeof ask>>;
			try {
				answer = await ask(recording, AbortSignal.any([signal, timeout]));
			} catch (error) {
				signal.throwIfAborted();
				if (timeout.aborted) throw tooSlow(host, timeoutMs, error);
				throw unreachable(host, error);
			}
			const { response, text } = answer;
			const value = asRecord(parseJson(text));
			if (!response.ok)
				throw refused(host, response.status, redact(reasonOf(value, text)));
			if (typeof value?.text !== "string")
				throw new AeonError(
					"peer_rejected",
					`${host} answered with something that is no transcript`,
				);
			return value.text.trim();
		},
	};
}

/** A host alone means its `/v1`, as with models. */
function transcriptionsUrl(base: string): string {
	const url = new URL(base);
	const root = url.pathname
		.replace(/\/+$/, "")
		.replace(/\/audio\/transcriptions$/, "");
	url.pathname = `${root || "/v1"}/audio/transcriptions`;
	return url.href;
}

async function readText({ body }: Response): Promise<string> {
	const decoder = new TextDecoder();
	let text = "";
	for await (const piece of body ?? []) {
		text += decoder.decode(piece, { stream: true });
		if (text.length > MAX_ANSWER_BYTES)
			throw new Error("the answer is too long");
	}
	return text + decoder.decode();
}

/** What an error says, in the shapes that OpenAI, FastAPI and whisper.cpp give it; a page says nothing. */
function reasonOf(
	value: Record<string, unknown> | undefined,
	text: string,
): string {
	if (!value) return text.trimStart().startsWith("<") ? "" : text;
	return (
		asText(asRecord(value.error)?.message) ||
		asText(value.error) ||
		asText(value.message) ||
		asText(value.detail)
	);
}

function refused(host: string, status: number, reason: string): AeonError {
	const line = reason.replace(/[\s\p{C}]+/gu, " ").trim();
	const said = `${host} said ${status}`;
	const isPassing = status === 408 || status === 429 || status >= 500;
	return new AeonError(
		isPassing ? "peer_unavailable" : "peer_rejected",
		line ? `${said}: ${line.slice(0, MAX_REASON).toWellFormed()}` : said,
		{ status, hint: "The section transcription of aeon.json names it." },
	);
}

function tooSlow(host: string, timeoutMs: number, cause: unknown): AeonError {
	return new AeonError(
		"peer_silent",
		`${host} did not answer within ${timeoutMs / 1000} s`,
		{ cause },
	);
}

function unreachable(host: string, cause: unknown): AeonError {
	return new AeonError(
		"peer_unavailable",
		`${host} cannot be reached: ${networkWords(cause)}`,
		{ cause, hint: "The section transcription of aeon.json names it." },
	);
}
