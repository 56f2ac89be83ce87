// One request to a platform's host, and its answer. What fails here tells whether the request had gone out.

import { AeonError } from "../../core/errors.ts";
import { brokenOff, type Peer, strangeAnswer } from "./failure.ts";

/** The web's fetch, or one that a test passes in. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** A request on its way. */
export interface Exchange {
	peer: Peer;
	fetch: Fetch;
	signal: AbortSignal;
	/** Set once anything of the request may have reached the other end. */
	wasSent: boolean;
}

/** What is posted. */
export interface Posted {
	headers: Record<string, string>;
	/** Of a stream whose length is known, `headers` tell it. */
	body: string | ReadableStream<Uint8Array>;
}

/** What came back, whole. */
export interface Reply {
	status: number;
	headers: Headers;
	text: string;
}

/**
 * Every request has a connection of its own: one that was kept may be half open and swallow everything (bun#31894). No
 * redirect is followed: the token would go along.
 */
const ALONE: RequestInit = { redirect: "manual", keepalive: false };

/** Posts a body. What its stream throws is thrown as it is. */
export async function post(
	exchange: Exchange,
	url: string,
	{ headers, body }: Posted,
): Promise<Reply> {
	const { peer, fetch, signal } = exchange;
	const announced = announce(body, exchange);
	const length = announced.length;
	try {
		const response = await fetch(url, {
			...ALONE,
			method: "POST",
			headers: {
				...headers,
				...(length !== undefined && { "content-length": String(length) }),
			},
			body: announced.stream,
			signal,
		});
		return await readReply(peer, response);
	} catch (error) {
		if (announced.failure) throw announced.failure.error;
		if (error instanceof AeonError) throw error;
		throw brokenOff(peer, error, exchange.wasSent);
	}
}

/** Asks for what is small and changes nothing by being asked. */
export async function get(
	{ peer, fetch, signal }: Omit<Exchange, "wasSent">,
	url: string,
	headers: Record<string, string>,
): Promise<Reply> {
	try {
		const response = await fetch(url, { ...ALONE, headers, signal });
		return await readReply(peer, response);
	} catch (error) {
		if (error instanceof AeonError) throw error;
		throw brokenOff(peer, error, false);
	}
}

/** The bytes behind a URL, as they come; `refuse` makes an error of an answer that is not 200. */
export async function* download(
	{ peer, fetch, signal }: Omit<Exchange, "wasSent">,
	url: string,
	headers: Record<string, string>,
	refuse: (reply: Reply) => Error,
): AsyncGenerator<Uint8Array, void> {
	let response: Response;
	try {
		response = await fetch(url, {
			...ALONE,
			signal,
			headers: { ...headers, "accept-encoding": "identity" },
		});
		if (response.status !== 200) throw refuse(await readReply(peer, response));
	} catch (error) {
		if (error instanceof AeonError) throw error;
		throw brokenOff(peer, error, false);
	}
	const reader = response.body?.getReader();
	try {
		for (;;) {
			const piece = await reader?.read();
			if (!piece || piece.done) return;
			yield piece.value;
		}
	} catch (error) {
		throw brokenOff(peer, error, false);
	} finally {
		reader?.cancel().catch(() => {});
	}
}

/** A JSON object, which is what answers are; undefined of anything else. `revive` is `JSON.parse`'s. */
export function jsonObject(
	text: string,
	revive?: (key: string, value: unknown) => unknown,
): Record<string, unknown> | undefined {
	try {
		const value: unknown = JSON.parse(text, revive);
		return typeof value === "object" && value !== null && !Array.isArray(value)
			? { ...value }
			: undefined;
	} catch {
		return undefined;
	}
}

/** A body that was announced. */
interface Announced {
	stream: ReadableStream<Uint8Array>;
	/** Bytes, where that is known. */
	length?: number;
	/** Set where the body could not be read to its end. */
	failure?: { error: unknown };
}

/**
 * A body that tells when it is first asked for: that is when the connection stands, with its TLS, and the head of the
 * request has gone out. Nothing else tells a connection that never came about from an answer that never came.
 */
function announce(body: Posted["body"], exchange: Exchange): Announced {
	const bytes =
		typeof body === "string" ? new TextEncoder().encode(body) : undefined;
	const source = typeof body === "string" ? undefined : body.getReader();
	const stream = new ReadableStream<Uint8Array>(
		{
			async pull(controller) {
				exchange.wasSent = true;
				if (bytes) {
					controller.enqueue(bytes);
					return controller.close();
				}
				try {
					const piece = await source?.read();
					if (!piece || piece.done) controller.close();
					else controller.enqueue(piece.value);
				} catch (error) {
					announced.failure = { error };
					throw error;
				}
			},
			cancel: (reason) => source?.cancel(reason),
		},
		{ highWaterMark: 0 },
	);
	const announced: Announced = {
		stream,
		...(bytes && { length: bytes.length }),
	};
	return announced;
}

async function readReply(peer: Peer, response: Response): Promise<Reply> {
	const { status, headers } = response;
	const decoder = new TextDecoder();
	let text = "";
	let size = 0;
	for await (const piece of response.body ?? []) {
		size += piece.length;
		if (size > MAX_ANSWER_BYTES) throw strangeAnswer(peer, status);
		text += decoder.decode(piece, { stream: true });
	}
	return { status, headers, text: text + decoder.decode() };
}
