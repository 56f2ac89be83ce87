// What a message says: words and notes for the model, and files. Whatever comes from outside is data.

import { asRecord, asText } from "../../core/json.ts";
import type { InboundMessage, RemoteFile } from "../../core/message.ts";
import { readNotes } from "./notes.ts";
import { type MessageBody, readId } from "./payload.ts";

/** What a turn is made of. */
export type Content = Pick<InboundMessage, "text" | "files">;

/** A file on this machine is named by it. */
const MAX_UNIQUE_ID_LENGTH = 64;

/** What can be a file, by the message's type. */
const FILES: Record<string, RemoteFile["kind"]> = {
	image: "image",
	sticker: "image",
	audio: "audio",
	video: "video",
	document: "document",
};

/** What a message says by itself; undefined where there is nothing in it for a model. */
export function readContent(body: MessageBody): Content | undefined {
	const file = readFile(body);
	const words = readWords(body);
	// Each line shows that somebody else says it.
	const said = isForwarded(body) ? words.replace(/^/gm, "> ") : words;
	const text = [words && said, ...readNotes(body)].filter(Boolean).join("\n");
	if (text === "" && !file) return undefined;
	return { text, ...(file && { files: [file] }) };
}

/** What a person wrote, or chose. */
export function readWords({ type, content }: MessageBody): string {
	const { body, caption, text, payload } = content;
	switch (type) {
		case "text":
			return clean(body);
		case "button":
			return clean(text) || clean(payload);
		case "interactive": {
			const { button_reply, list_reply } = content;
			const chosen = asRecord(button_reply) ?? asRecord(list_reply) ?? {};
			return [clean(chosen.title), clean(chosen.description)]
				.filter(Boolean)
				.join("\n");
		}
		default:
			return Object.hasOwn(FILES, type) ? clean(caption) : "";
	}
}

/** The id of the button that was pressed; undefined of what is no press. */
export function readButton({ type, content }: MessageBody): string | undefined {
	const reply = asRecord(content.button_reply);
	return type === "interactive" && reply ? readId(reply.id) : undefined;
}

/** True of the words of somebody else. */
export function isForwarded({ context }: MessageBody): boolean {
	return context.forwarded === true || context.frequently_forwarded === true;
}

function readFile({ type, content }: MessageBody): RemoteFile | undefined {
	const kind = Object.hasOwn(FILES, type) ? FILES[type] : undefined;
	const id = readId(content.id);
	const isMoving = type === "sticker" && content.animated === true;
	if (!kind || id === "" || isMoving) return undefined;
	const { filename, mime_type, sha256, voice } = content;
	const name = asText(filename);
	const mimeType = asText(mime_type);
	return {
		kind: kind === "audio" && voice === true ? "voice" : kind,
		id,
		uniqueId: (asText(sha256) || id)
			.replaceAll("+", "-")
			.replace(/[^\w-]/g, "_")
			.slice(0, MAX_UNIQUE_ID_LENGTH),
		...(name !== "" && { name }),
		...(mimeType !== "" && { mimeType }),
	};
}

function clean(words: unknown): string {
	return asText(words).toWellFormed().trim();
}
