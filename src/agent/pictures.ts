// Which pictures of a conversation the model is sent, and what stands in the place of the others.

import { readFile, stat } from "node:fs/promises";
import {
	MAX_IMAGE_BYTES,
	MAX_IMAGE_PIXELS,
	sniffImage,
} from "../core/image.ts";
import type { Attachment, SpokenMessage } from "../core/message.ts";
import type { ImageData, PromptMessage } from "../llm/client.ts";
import { TOKENS_PER_IMAGE } from "./budget.ts";
import { splitTurns } from "./history.ts";

/** Pictures of how many of the last turns are sent; older ones are named only. */
const TURNS_WITH_IMAGES = 3;

/** As many as Anthropic takes of this size; with more of them in a request it wants each to be smaller. */
const MAX_IMAGES = 20;

/** Bytes that the pictures of a request may have together: a Pi holds them three times over while they are sent. */
const MAX_IMAGES_BYTES = 12_000_000;

/** The conversation without the pictures that a provider has refused: those before an answer that was given without them. */
export function omitRefused(
	messages: readonly SpokenMessage[],
): SpokenMessage[] {
	const mark = messages.findLastIndex(
		(message) => message.role === "assistant" && message.picturesRefused,
	);
	if (mark < 0) return [...messages];
	return messages.map((message, index) =>
		index < mark ? keepPictures(message, 0) : message,
	);
}

/** The conversation with the last pictures of its last turns only, which take so many tokens at most. Files that are no pictures are named. */
export function choosePictures(
	messages: readonly SpokenMessage[],
	tokens: number,
): SpokenMessage[] {
	if (!messages.some(hasFiles)) return [...messages];
	const turns = splitTurns([...messages]);
	const recent = new Set(turns.slice(-TURNS_WITH_IMAGES).flat());
	let room = Math.min(MAX_IMAGES, Math.floor(tokens / TOKENS_PER_IMAGE));
	return messages
		.toReversed()
		.map((message) => {
			const kept = keepPictures(message, recent.has(message) ? room : 0);
			room -= attachmentsOf(kept).length;
			return kept;
		})
		.reverse();
}

/** Reads the pictures, the last ones first. Where one cannot be sent, a note says why. */
export async function loadPictures(
	messages: readonly SpokenMessage[],
): Promise<PromptMessage[]> {
	if (!messages.some(hasFiles)) return [...messages];
	const loaded: PromptMessage[] = [];
	let room = MAX_IMAGES_BYTES;
	for (const message of messages.toReversed()) {
		const notes: string[] = [];
		const images: ImageData[] = [];
		for (const attachment of attachmentsOf(message).toReversed()) {
			const picture = await loadPicture(attachment, room);
			if (typeof picture === "string") notes.unshift(picture);
			else {
				images.unshift(picture);
				room -= (picture.base64.length / 4) * 3;
			}
		}
		loaded.unshift({
			...withNotes(message, notes),
			...(images.length > 0 && { images }),
		});
	}
	return loaded;
}

/** A message with at most so many of its pictures, the last ones; notes stand for what else is attached. */
function keepPictures(message: SpokenMessage, count: number): SpokenMessage {
	const attachments = attachmentsOf(message);
	if (message.role === "assistant" || attachments.length === 0) return message;
	const pictures = attachments.filter(isPicture);
	const kept = pictures.slice(Math.max(0, pictures.length - count));
	const left = attachments.filter((one) => !kept.includes(one));
	const { attachments: _, ...rest } = withNotes(message, left.map(nameOf));
	return { ...rest, ...(kept.length > 0 && { attachments: kept }) };
}

function attachmentsOf(message: SpokenMessage): Attachment[] {
	return message.role === "assistant" ? [] : (message.attachments ?? []);
}

function hasFiles(message: SpokenMessage): boolean {
	return attachmentsOf(message).length > 0;
}

function isPicture({ mimeType }: Attachment): boolean {
	return mimeType.startsWith("image/");
}

function nameOf(attachment: Attachment): string {
	const { path, mimeType } = attachment;
	return isPicture(attachment)
		? `[image omitted: ${path}]`
		: `[attached file: ${path}, ${mimeType}]`;
}

function withNotes<M extends SpokenMessage>(message: M, notes: string[]): M {
	if (notes.length === 0) return message;
	const content = [message.content, ...notes].filter(Boolean).join("\n");
	return { ...message, content };
}

/** A picture's bytes, checked anew since the file may have changed; a note where it cannot be sent. */
async function loadPicture(
	{ path }: Attachment,
	room: number,
): Promise<ImageData | string> {
	let bytes: Buffer;
	try {
		const status = await stat(path);
		if (!status.isFile()) return `[${path}: not a picture any more]`;
		if (status.size > MAX_IMAGE_BYTES) return `[${path}: too large to send]`;
		if (status.size > room) return nameOf({ path, mimeType: "image/*" });
		bytes = await readFile(path);
	} catch {
		return `[${path}: the file is gone]`;
	}
	const image = sniffImage(bytes);
	if (!image) return `[${path}: not a picture any more]`;
	if (Math.max(image.width, image.height) > MAX_IMAGE_PIXELS)
		return `[${path}: too large to send]`;
	return { mimeType: image.mimeType, base64: bytes.toString("base64") };
}
