// One request over one connection. By node:http: where a connection breaks, fetch drops what had arrived and was not read yet.

import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";

/** Bytes that may wait to be read before the connection is told to wait. */
const MAX_WAITING = 1024 * 1024;

/**
 * Posts a JSON text and gives the answer once its head has come. Every request has a connection of its own: a pooled one may
 * be half open and never answer (bun#31894). No redirect is followed: it would take the key along to another host.
 */
export async function send(
	url: string,
	headers: Record<string, string>,
	body: string,
	signal: AbortSignal,
): Promise<IncomingMessage> {
	const { request } = url.startsWith("https:")
		? await import("node:https")
		: await import("node:http");
	const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
	signal.throwIfAborted();
	const outgoing = request(url, {
		method: "POST",
		agent: false,
		headers: {
			"content-type": "application/json",
			"content-length": Buffer.byteLength(body),
			...headers,
		},
	});
	const hangUp = () => {
		reject(signal.reason);
		outgoing.destroy();
	};
	signal.addEventListener("abort", hangUp, { once: true });
	outgoing.once("response", resolve);
	outgoing.on("error", reject);
	outgoing.end(body);
	return promise;
}

/** The bytes of a body, unpacked, as they come. Throws where it breaks off, after all that came. */
export async function* readBody(
	response: IncomingMessage,
	signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
	const queue: Uint8Array[] = [];
	let waiting = 0;
	let end: { error?: unknown } | undefined;
	let wake = () => {};
	const finish = (error?: unknown) => {
		end ??= { error };
		wake();
	};
	const body = await unpack(response, finish);
	body.on("data", (bytes: Uint8Array) => {
		queue.push(bytes);
		waiting += bytes.length;
		if (waiting > MAX_WAITING) body.pause();
		wake();
	});
	body.once("end", () => finish());
	body.on("error", finish);
	body.once("close", () => finish(new Error("the connection closed")));
	const hangUp = () => finish(signal.reason);
	if (signal.aborted) hangUp();
	else signal.addEventListener("abort", hangUp, { once: true });
	for (;;) {
		const bytes = queue.shift();
		if (bytes) {
			waiting -= bytes.length;
			if (waiting === 0) body.resume();
			yield bytes;
		} else if (end) {
			if (end.error) throw end.error;
			return;
		} else
			await new Promise<void>((resolve) => {
				wake = resolve;
			});
	}
}

/** The body as it was before it was packed; some servers pack whether they are asked to or not. */
async function unpack(
	response: IncomingMessage,
	onBreak: (error: unknown) => void,
): Promise<Readable> {
	const encoding = response.headers["content-encoding"];
	if (!encoding || encoding === "identity") return response;
	const { createBrotliDecompress, createUnzip } = await import("node:zlib");
	response.on("error", onBreak);
	response.once("aborted", () => onBreak(new Error("the connection broke")));
	return response.pipe(
		encoding === "br" ? createBrotliDecompress() : createUnzip(),
	);
}
