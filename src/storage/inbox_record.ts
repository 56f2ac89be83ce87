// What is kept of an accepted message beside its ids, as JSON, which gives every text back exactly.

import * as z from "zod/mini";
import type { RemoteFile } from "../core/message.ts";
import type { WaitingMessage } from "./store.ts";

/** For so long after its end a message is known again, and a part of the outbox is kept. */
export const KNOWN_MS = 7 * 24 * 60 * 60 * 1000;

export const attachmentSchema = z.object({
	path: z.string(),
	mimeType: z.string(),
});

const KINDS: { [Kind in RemoteFile["kind"]]: Kind } = {
	image: "image",
	voice: "voice",
	audio: "audio",
	video: "video",
	document: "document",
};

export const filesSchema = z.array(
	z.object({
		kind: z.enum(KINDS),
		id: z.string(),
		uniqueId: z.string(),
		name: z.optional(z.string()),
		mimeType: z.optional(z.string()),
		size: z.optional(z.number()),
		seconds: z.optional(z.number()),
	}),
);

/** What was said, and all that its turn has to know of it. */
export const bodySchema = z.object({
	text: z.string(),
	attachments: z.optional(z.array(attachmentSchema)),
	files: z.optional(filesSchema),
	model: z.optional(z.string()),
	reference: z.optional(z.string()),
	sender: z.optional(z.string()),
	album: z.optional(z.string()),
});

export type Body = z.infer<typeof bodySchema>;

/** An accepted message without its ids, and without what became of it. */
export function bodyOf(message: WaitingMessage): Body {
	const { runId, dialog, messageId, sessionKey, receivedAt, ...rest } = message;
	const { takenBy, attempts, ...body } = rest;
	return body;
}
