// What is said that is no answer, as the parts it is sent in.

import type { PartContent } from "../core/delivery.ts";
import type { Attachment } from "../core/message.ts";
import type { OutboundMessage } from "../dialogs/provider.ts";

/** A caption may be so long, in characters. */
const MAX_CAPTION_LENGTH = 900;

/** What somebody is told that is no answer. */
export interface Saying
	extends Pick<
		OutboundMessage,
		"text" | "replyTo" | "deliveryId" | "sessionKey"
	> {
	attachments?: readonly Attachment[];
}

/** What is said as the parts it is sent in: a short text is the caption of the first file. */
export function contentsOf(
	{ text, attachments = [] }: Saying,
	split: (text: string) => string[],
): PartContent[] {
	const texts = split(text);
	const [only = ""] = texts;
	const isCaption =
		attachments.length > 0 &&
		texts.length === 1 &&
		only.length <= MAX_CAPTION_LENGTH;
	const files = attachments.map((attachment, index) => ({
		text: isCaption && index === 0 ? only : "",
		attachment,
	}));
	return isCaption ? files : [...texts.map((one) => ({ text: one })), ...files];
}
