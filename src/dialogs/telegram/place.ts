// Where a message is, in the words of the host.

import type { Message, Update } from "grammy/types";
import { formatSessionKey } from "../../core/session.ts";
import { formatAddress } from "./address.ts";

/** A message's place, and what it is called. */
export interface Place {
	/** Whom answers go to. */
	to: string;
	sessionKey: string;
	/** Unique in this dialog: of the bot and the update. */
	messageId: string;
	/** Unique in its chat. */
	reference: string;
	isPrivate: boolean;
	/** Set where several people talk: an answer shows which message it is for. */
	replyTo?: string;
}

/** The place of an update's message. A group that became a supergroup keeps its place. */
export function placeOf(
	{ update_id }: Update,
	message: Message,
	about: { agent: string; botId: number; originOf(chatId: number): number },
): Place {
	const { chat, message_id, is_topic_message, message_thread_id } = message;
	const threadId = is_topic_message ? message_thread_id : undefined;
	const to = formatAddress({ chatId: about.originOf(chat.id), threadId });
	const isPrivate = chat.type === "private";
	const reference = `${message_id}`;
	return {
		to,
		sessionKey: formatSessionKey({
			agentId: about.agent,
			dialog: "telegram",
			userId: to,
		}),
		messageId: `${about.botId}:${update_id}`,
		reference,
		isPrivate,
		...(!isPrivate && { replyTo: reference }),
	};
}
