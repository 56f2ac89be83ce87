// A file on its way to Telegram, as the kind of message that shows it best.

import { InputFile } from "grammy/web";
import type { OutboundFile } from "../../core/delivery.ts";
import { hasCode } from "../../core/errors.ts";
import type { BotClient } from "./client.ts";
import { orPlain } from "./plain.ts";

/** Larger photos are sent as documents (Bot API, sendPhoto). */
const MAX_PHOTO_SIZE = 10_000_000;

const METHODS = {
	photo: "sendPhoto",
	animation: "sendAnimation",
	voice: "sendVoice",
	audio: "sendAudio",
	video: "sendVideo",
	document: "sendDocument",
} as const;

type Kind = keyof typeof METHODS;

const KINDS: Record<string, Kind> = {
	"image/png": "photo",
	"image/jpeg": "photo",
	"image/webp": "photo",
	"image/gif": "animation",
	"audio/ogg": "voice",
	"audio/mpeg": "audio",
	"audio/mp4": "audio",
	"video/mp4": "video",
};

/** What every message has, beside its file and caption. */
type Common = { chat_id: number } & Record<string, unknown>;

/** Sends a file with a caption in HTML. What Telegram does not take as what it is goes as a document. */
export async function sendFile(
	client: BotClient,
	file: OutboundFile,
	caption: string,
	common: Common,
	options: { signal?: AbortSignal },
): Promise<{ message_id: number }> {
	const upload = (kind: Kind) =>
		orPlain(caption, async ({ text, parse_mode }) => {
			const content = {
				...common,
				...(text && { caption: text, ...(parse_mode && { parse_mode }) }),
				[kind]: new InputFile(file.read(), file.name),
			};
			const sent = client.ask(METHODS[kind], content as never, options);
			return (await sent) as { message_id: number };
		});
	const kind = kindOf(file);
	try {
		return await upload(kind);
	} catch (error) {
		const isRefused = hasCode(error, "peer_rejected") && error.status === 400;
		if (!isRefused || kind === "document") throw error;
		return upload("document");
	}
}

function kindOf({ mimeType, size }: OutboundFile): Kind {
	const kind = Object.hasOwn(KINDS, mimeType) ? KINDS[mimeType] : undefined;
	if (kind === "photo" && size > MAX_PHOTO_SIZE) return "document";
	return kind ?? "document";
}
