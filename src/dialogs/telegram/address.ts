// What a session's key names last in this dialog: a chat, or a topic of a chat.

import { AeonError } from "../../core/errors.ts";

/** A chat of Telegram's: positive for a person, negative for a group or channel; and a topic in it. */
export interface Address {
	chatId: number;
	threadId?: number;
}

/** `777`, `-100123`, or `-100123:45` for a topic. */
export function formatAddress({ chatId, threadId }: Address): string {
	return threadId === undefined ? `${chatId}` : `${chatId}:${threadId}`;
}

/** The address that this was made of. Throws `peer_rejected` where it is none. */
export function parseAddress(to: string): Address {
	const [, chat, thread] =
		/^(-?[1-9]\d{0,15})(?::([1-9]\d{0,15}))?$/.exec(to) ?? [];
	if (chat === undefined)
		throw new AeonError(
			"peer_rejected",
			`"${to.slice(0, 80).toWellFormed()}" is no chat of Telegram's: write its numeric id, such as 777 or -100123`,
		);
	const chatId = Number(chat);
	return thread === undefined
		? { chatId }
		: { chatId, threadId: Number(thread) };
}
