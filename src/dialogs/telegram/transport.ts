// One request to the Bot API's host, and its answer. What fails here tells whether the request had gone out.

import { AeonError } from "../../core/errors.ts";
import { brokenOff, strangeAnswer, strangeReply } from "./failure.ts";

/** The web's fetch, or one that a test passes in. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** A request on its way. */
export interface Exchange {
	fetch: Fetch;
	signal: AbortSignal;
	/** Set once anything of the request may have reached the other end. */
	wasSent: boolean;
}

/**
 * Posts a body and gives the JSON object that came back, over a connection of its own: one that was kept may be half open
 * and swallow everything (bun#31894). No redirect is followed: the token would go along.
 */
export async function post(
	exchange: Exchange,
	url: string,
	contentType: string,
	body: string | ReadableStream<Uint8Array>,
): Promise<{ ok: boolean }> {
	const { fetch, signal } = exchange;
	const bytes =
		typeof body === "string" ? new TextEncoder().encode(body) : body;
	const headers = new Headers({ "content-type": contentType });
	if (bytes instanceof Uint8Array)
		headers.set("content-length", String(bytes.length));
	let status: number;
	let text: string;
	try {
		const response = await fetch(url, {
			method: "POST",
			headers,
			body: announced(bytes, exchange),
			redirect: "manual",
			keepalive: false,
			signal,
		});
		status = response.status;
		text = await readText(response);
	} catch (error) {
		if (error instanceof AeonError) throw error;
		throw brokenOff(error, exchange.wasSent);
	}
	const answer = readAnswer(text);
	if (!answer) throw strangeReply(status);
	return answer;
}

/** The bytes behind a URL of the same host, as they come; `refuse` makes an error of an answer that is not 200. */
export async function* get(
	{ fetch, signal }: Pick<Exchange, "fetch" | "signal">,
	url: string,
	refuse: (answer: unknown, status: number) => Error,
): AsyncGenerator<Uint8Array, void> {
	let response: Response;
	try {
		response = await fetch(url, {
			redirect: "manual",
			keepalive: false,
			signal,
			headers: { "accept-encoding": "identity" },
		});
		if (response.status !== 200) {
			const text = await readText(response);
			throw refuse(readAnswer(text), response.status);
		}
	} catch (error) {
		if (error instanceof AeonError) throw error;
		throw brokenOff(error, false);
	}
	const reader = response.body?.getReader();
	try {
		for (;;) {
			const piece = await reader?.read();
			if (!piece || piece.done) return;
			yield piece.value;
		}
	} catch (error) {
		throw brokenOff(error, false);
	} finally {
		reader?.cancel().catch(() => {});
	}
}

/**
 * A body that tells when it is first asked for: that is when the connection stands, with its TLS, and the head of the
 * request has gone out. Nothing else tells a connection that never came about from an answer that never came.
 */
function announced(
	body: Uint8Array | ReadableStream<Uint8Array>,
	exchange: Exchange,
): ReadableStream<Uint8Array> {
	const source = body instanceof Uint8Array ? undefined : body.getReader();
	return new ReadableStream<Uint8Array>(
		{
			async pull(controller) {
				exchange.wasSent = true;
				if (body instanceof Uint8Array) {
					controller.enqueue(body);
					return controller.close();
				}
				const piece = await source?.read();
				if (!piece || piece.done) controller.close();
				else controller.enqueue(piece.value);
			},
			cancel: (reason) => source?.cancel(reason),
		},
		{ highWaterMark: 0 },
	);
}

async function readText(response: Response): Promise<string> {
	const decoder = new TextDecoder();
	let text = "";
	let size = 0;
	for await (const piece of response.body ?? []) {
		size += piece.length;
		if (size > MAX_ANSWER_BYTES) throw strangeAnswer(response.status);
		text += decoder.decode(piece, { stream: true });
	}
	return text + decoder.decode();
}

/** What every answer of the Bot API is (https://core.telegram.org/bots/api#making-requests); undefined of anything else. */
function readAnswer(text: string): { ok: boolean } | undefined {
	try {
		const answer: unknown = JSON.parse(text);
		if (typeof answer !== "object" || answer === null) return undefined;
		if (!("ok" in answer) || typeof answer.ok !== "boolean") return undefined;
		return { ...answer, ok: answer.ok };
	} catch {
		return undefined;
	}
}
