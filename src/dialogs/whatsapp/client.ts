// The Graph API as this dialog speaks it: one call, one answer or one clear error, which never shows the token.

import type { OutboundFile } from "../../core/delivery.ts";
import { AeonError, hasCode } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import { strangeAnswer } from "../peer/failure.ts";
import type { Fetch, Posted } from "../peer/transport.ts";
import { goneFile, openCalls } from "./calls.ts";
import { codeOf, WHATSAPP } from "./failure.ts";
import { formWith, mimeTypeOf } from "./multipart.ts";

/**
 * The Graph API of one business number. What is asked is asked once. It fails with `peer_unavailable` where nothing was
 * done, or nothing that anybody sees, and with `peer_rejected` where trying again does not help; `failure.ts` knows more of
 * what Graph said. An abort rethrows `signal.reason`. The time is 30 s, for an upload 30 min.
 */
export interface GraphClient {
	/**
	 * Sends what a message is (Cloud API, `/messages`), and gives its wamid. `messaging_product` and `recipient_type` are
	 * added. Throws `peer_silent` where the request went out and no answer came.
	 */
	send(
		message: Record<string, unknown>,
		options?: { signal?: AbortSignal | undefined },
	): Promise<string>;
	/** Marks a message as read, and shows that an answer is being made where `isTyping`. */
	markRead(
		messageId: string,
		isTyping: boolean,
		signal?: AbortSignal,
	): Promise<void>;
	/** Uploads a file piece by piece and gives its media id. */
	upload(file: OutboundFile, signal?: AbortSignal): Promise<string>;
	/** The bytes of a file that came in: two steps, from the Graph host and the host that it names only. */
	download(mediaId: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
	/** Asks for the number's own entry, which proves the token and the id. */
	probe(signal?: AbortSignal): Promise<void>;
}

const VERSION = "v24.0";

/** 100 MB, the most that WhatsApp takes, over a slow line. */
const UPLOAD_TIMEOUT_MS = 30 * 60_000;

/** The Graph API at `apiRoot`; the token is asked for at every call. Asks nothing yet. */
export function openClient(options: {
	token(): Secret;
	phoneNumberId: string;
	apiRoot: string;
	fetch?: Fetch;
}): GraphClient {
	const { token, phoneNumberId, fetch = globalThis.fetch } = options;
	const root = withVersion(options.apiRoot);
	const own = `${root}/${phoneNumberId}`;
	const calls = openCalls({ token, fetch });

	/** Where a file lies for the next five minutes. */
	const locate = async (mediaId: string, signal: AbortSignal) => {
		try {
			const { url } = await calls.get(`${root}/${mediaId}`, { signal });
			return readPlace(url, root);
		} catch (error) {
			const isGone =
				codeOf(error) === UNKNOWN ||
				(hasCode(error, "peer_rejected") && error.status === 404);
			throw isGone ? goneFile(error) : error;
		}
	};

	return {
		async send(message, { signal } = {}) {
			const posted = json({ recipient_type: "individual", ...message });
			const answer = await calls.post(`${own}/messages`, posted, { signal });
			const [first] = Array.isArray(answer.messages) ? answer.messages : [];
			return readId(first?.id);
		},

		async markRead(messageId, isTyping, signal) {
			const posted = json({
				status: "read",
				message_id: messageId,
				...(isTyping && { typing_indicator: { type: "text" } }),
			});
			await harmless(calls.post(`${own}/messages`, posted, { signal }));
		},

		async upload(file, signal) {
			const type = mimeTypeOf(file);
			const form = formWith({ messaging_product: "whatsapp", type }, file);
			const timeoutMs = UPLOAD_TIMEOUT_MS;
			const uploading = calls.post(`${own}/media`, form, { signal, timeoutMs });
			return readId((await harmless(uploading)).id);
		},

		async *download(mediaId, signal) {
			if (!/^[\w-]{1,128}$/.test(mediaId)) throw notFollowed();
			const place = await harmless(locate(mediaId, signal));
			try {
				return yield* calls.fetchFile(place, signal);
			} catch (error) {
				const isExpired =
					hasCode(error, "peer_rejected") && error.status === 404;
				if (!isExpired) throw error;
			}
			const newPlace = await harmless(locate(mediaId, signal));
			yield* calls.fetchFile(newPlace, signal);
		},

		async probe(signal) {
			const { id } = await harmless(calls.get(`${own}?fields=id`, { signal }));
			readId(id);
		},
	};
}

/** Graph's code for what is not there, or is not this token's to see. */
const UNKNOWN = 100;

/** With the version of the API, where the address does not name one. */
function withVersion(apiRoot: string): string {
	const root = apiRoot.replace(/\/+$/, "");
	return /\/v\d+\.\d+$/.test(root) ? root : `${root}/${VERSION}`;
}

function json(fields: Record<string, unknown>): Posted {
	const body = JSON.stringify({ messaging_product: "whatsapp", ...fields });
	return { headers: { "content-type": "application/json" }, body };
}

function readId(id: unknown): string {
	if (typeof id === "string" && id !== "") return id;
	throw strangeAnswer(WHATSAPP, 200);
}

/** A call that nobody sees, should it have been made: whether it was does not matter. */
async function harmless<T>(call: Promise<T>): Promise<T> {
	try {
		return await call;
	} catch (error) {
		if (!hasCode(error, "peer_silent")) throw error;
		const { message, status } = error;
		throw new AeonError("peer_unavailable", message, { status });
	}
}

/** The address that Graph names for a file. The token goes there, so that it has to be as safe as Graph's own. */
function readPlace(url: unknown, root: string): string {
	const place = typeof url === "string" ? URL.parse(url) : null;
	const isSafe =
		place?.protocol === "https:" ||
		(place?.protocol === "http:" && /^http:/i.test(root));
	if (!place || !isSafe || place.username !== "" || place.password !== "")
		throw notFollowed();
	return place.href;
}

function notFollowed(): AeonError {
	return new AeonError(
		"peer_rejected",
		"WhatsApp names a file's place in a way that is not followed",
	);
}
