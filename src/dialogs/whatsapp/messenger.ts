// Messages on their way to WhatsApp, where nothing can be changed or found again once it is sent.

import type { PartName } from "../../core/delivery.ts";
import { parsePhoneNumber, readPhoneNumber } from "../../core/phone_number.ts";
import type { OutboundMessage } from "../provider.ts";
import type { GraphClient } from "./client.ts";
import { canHaveCaption, sendFile, type Uploads } from "./files.ts";

/** UTF-16 units (Cloud API, text and media messages). */
const MAX_TEXT = 4_096;
const MAX_CAPTION = 1_024;
const MAX_CALLBACK = 512;

const REPEAT_MARK = "_(sent again: it may have arrived before)_";

/** A button under a message; what it is called by comes back when it is pressed. */
export interface ReplyButton {
	/** Up to 256 characters. */
	id: string;
	/** Up to 20 characters. */
	title: string;
}

/** Speaks in the chats of one business number. What is said has WhatsApp's own marks. */
export class Messenger {
	readonly #client: GraphClient;
	readonly #newest = new Map<string, string>();
	readonly #uploads: Uploads = new Map();

	constructor({ client }: { client: GraphClient }) {
		this.#client = client;
	}

	/** A message came in, which is now the newest of its chat. */
	note(to: string, wamid: string): void {
		this.#newest.set(keyOf(to), wamid);
	}

	/** Sends a message and gives its wamid. One that may be there already is sent with a mark, where that fits. */
	send(
		to: string,
		message: OutboundMessage,
		signal?: AbortSignal,
	): Promise<string> {
		const { text, file, replyTo } = message;
		const callback = writeCallback(message);
		const envelope = {
			to: parsePhoneNumber(to),
			...(replyTo !== undefined && { context: { message_id: replyTo } }),
			...(callback && { biz_opaque_callback_data: callback }),
		};
		if (file) {
			const caption = withMark(message, MAX_CAPTION);
			const captioned = { file, text, caption, uploads: this.#uploads };
			return sendFile(this.#client, captioned, envelope, signal);
		}
		const body = withMark(message, MAX_TEXT);
		const content = { type: "text", text: { body, preview_url: false } };
		return this.#client.send({ ...envelope, ...content }, { signal });
	}

	/** Sends a question of up to 1,024 characters with up to three buttons, and gives its wamid. */
	buttons(
		to: string,
		body: string,
		buttons: readonly ReplyButton[],
		signal?: AbortSignal,
	): Promise<string> {
		const action = {
			buttons: buttons.map((reply) => ({ type: "reply", reply })),
		};
		const message = {
			to: parsePhoneNumber(to),
			type: "interactive",
			interactive: { type: "button", body: { text: body }, action },
		};
		return this.#client.send(message, { signal });
	}

	/** Shows that an answer is being made, and that all was read: to the newest message that is known, else to `reference`. */
	async typing(
		to: string,
		signal: AbortSignal,
		reference?: string,
	): Promise<void> {
		const wamid = this.#newest.get(keyOf(to)) ?? reference;
		if (wamid === undefined) return;
		try {
			await this.#client.markRead(wamid, true, signal);
		} catch (error) {
			if (!signal.aborted) throw error;
			// The answer was faster. Nobody types any more, but it was read.
			await this.#client.markRead(wamid, false);
		}
	}

	/** False of a kind of file that cannot carry words. */
	captions(mimeType: string): boolean {
		return canHaveCaption(mimeType);
	}
}

/** Which part a message is, from what its status gives back; undefined where Aeon did not write that. */
export function readCallback(text: unknown): PartName | undefined {
	const found =
		typeof text === "string" ? /^(.+):(\d{1,9})$/s.exec(text) : null;
	const [, deliveryId, part] = found ?? [];
	return deliveryId === undefined
		? undefined
		: { deliveryId, part: Number(part) };
}

/** What every status of a message gives back. */
function writeCallback({ deliveryId, part }: OutboundMessage): string {
	if (deliveryId === undefined || part === undefined) return "";
	const text = `${deliveryId}:${part}`;
	return text.length <= MAX_CALLBACK ? text : "";
}

function withMark({ text, triedAt }: OutboundMessage, max: number): string {
	if (triedAt === undefined) return text;
	const marked = text === "" ? REPEAT_MARK : `${REPEAT_MARK}\n${text}`;
	return marked.length <= max ? marked : text;
}

/** A chat is one, however its number is written. */
function keyOf(to: string): string {
	return readPhoneNumber(to) ?? to;
}
