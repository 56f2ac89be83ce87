// What is said that is no answer, as the parts it is sent in.

import type { OutboxPart, PartContent } from "../core/delivery.ts";
import type { Attachment } from "../core/message.ts";
import type { DialogProvider, OutboundMessage } from "../dialogs/provider.ts";

/** A caption may be so long, in characters. */
const MAX_CAPTION_LENGTH = 900;

type SpeakingDialog = Required<Pick<DialogProvider, "split">> &
	Pick<DialogProvider, "name" | "captions">;

/** What somebody is told that is no answer. */
export interface Saying
	extends Pick<
		OutboundMessage,
		"text" | "replyTo" | "deliveryId" | "sessionKey"
	> {
	attachments?: readonly Attachment[];
}

/** What is said as the parts it is sent in; none where nothing of it can be seen. */
export function partsOf(
	saying: Saying,
	about: {
		deliveryId: string;
		to: string;
		dialog: SpeakingDialog;
		/** Milliseconds since 1970. */
		now: number;
	},
): OutboxPart[] {
	const { replyTo, sessionKey } = saying;
	const { deliveryId, to, dialog, now } = about;
	return contentsOf(saying, dialog).map((content, part) => ({
		deliveryId,
		part,
		dialog: dialog.name,
		to,
		...(sessionKey !== undefined && { sessionKey }),
		content: {
			...content,
			...(part === 0 && replyTo !== undefined && { replyTo }),
		},
		state: "pending",
		attempts: 0,
		createdAt: now,
		dueAt: now,
	}));
}

/** A short text is the caption of the first file. */
function contentsOf(
	{ text, attachments = [] }: Saying,
	dialog: SpeakingDialog,
): PartContent[] {
	const texts = dialog.split(text);
	const [only = ""] = texts;
	const [first] = attachments;
	const isCaption =
		first !== undefined &&
		dialog.captions?.(first.mimeType) !== false &&
		texts.length === 1 &&
		only.length <= MAX_CAPTION_LENGTH;
	const files = attachments.map((attachment, index) => ({
		text: isCaption && index === 0 ? only : "",
		attachment,
	}));
	return isCaption ? files : [...texts.map((one) => ({ text: one })), ...files];
}
