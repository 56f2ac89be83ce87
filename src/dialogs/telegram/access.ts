// Who may talk to Aeon here: numeric ids, and nothing else. Empty lists mean nobody.

import type {
	CallbackQuery,
	Chat,
	Message,
	MessageOrigin,
	User,
} from "grammy/types";
import { cleanName } from "../one_line.ts";
import type { TelegramOptions } from "./telegram.ts";

/** What decides. */
export interface AccessParts {
	options(): Pick<TelegramOptions, "allowed_users" | "allowed_groups">;
	/** True of somebody whom a code has let in. */
	isPaired(id: number): boolean;
	/** The id that a group had before it became a supergroup. */
	originOf(chatId: number): number;
	botId: number;
}

/** Who speaks: a person, or a chat in whose name somebody does (a channel, an anonymous admin). */
export interface Speaker {
	id: number;
	name: string;
}

/** What of a message may not be: who wrote it, the group it is in; `nobody` is not even told so. */
export type Stranger =
	| { what: "user" | "sender_chat" | "group"; id: number }
	| { what: "nobody" };

/** The rules. */
export interface Access {
	/** Why a message of whoever says it, there, is not for Aeon; undefined where it is. */
	strangerIn(message: Message): Stranger | undefined;
	/** The one who first said what this message passes on, where they may not talk to Aeon: their id, where there is one. */
	strangerBehind(
		message: Pick<Message, "forward_origin" | "from" | "sender_chat" | "chat">,
	): { id?: number; name: string } | undefined;
	/** True of the words of somebody who may talk to Aeon where this message is. */
	isTrusted(message: Message): boolean;
	/** The same of an origin alone, as replies to other chats have it. */
	isTrustedOrigin(origin: MessageOrigin): boolean;
	/** True where whoever pressed a button may talk to Aeon where the button is. */
	mayPress(query: CallbackQuery): boolean;
	/** True of a person's own chat, a group or a channel that is listed. */
	isAllowedChat(chatId: number): boolean;
}

/** The rules by these lists. */
export function createAccess(parts: AccessParts): Access {
	const { options, isPaired, originOf, botId } = parts;

	const isListed = (id: number) =>
		[id, originOf(id)].some((one) => options().allowed_users.includes(one)) ||
		isPaired(id);

	const isGroup = (chatId: number) =>
		[chatId, originOf(chatId)].some((one) =>
			options().allowed_groups.includes(one),
		);

	const strangerIn = (message: Message): Stranger | undefined => {
		const { chat, from, sender_chat } = message;
		const { id } = speakerOf(message);
		const isBot = from?.is_bot === true && !sender_chat;
		if (isBot && (id === botId || !isListed(id))) return { what: "nobody" };
		if (chat.type === "private")
			return isListed(id)
				? undefined
				: { what: sender_chat ? "sender_chat" : "user", id };
		const isChannel = chat.type === "channel";
		if (!isGroup(chat.id))
			return isChannel || isBot
				? { what: "nobody" }
				: { what: "group", id: chat.id };
		const isMember = !isChannel && !isBot && !sender_chat && !!from;
		if (isMember || isListed(id)) return undefined;
		return sender_chat && !isChannel
			? { what: "sender_chat", id }
			: { what: "nobody" };
	};

	const isTrustedOrigin = (origin: MessageOrigin) => {
		const { id } = originator(origin);
		return id !== undefined && (id === botId || isListed(id));
	};

	const strangerBehind: Access["strangerBehind"] = (message) => {
		const { forward_origin: origin } = message;
		if (!origin) return undefined;
		const first = originator(origin);
		const isOwn = first.id === speakerOf(message).id;
		return isOwn || isTrustedOrigin(origin) ? undefined : first;
	};

	return {
		strangerIn,
		strangerBehind,
		isTrusted: (message) =>
			(message.from?.id === botId || !strangerIn(message)) &&
			!strangerBehind(message),
		isTrustedOrigin,
		mayPress({ from, message }) {
			const { chat } = message ?? {};
			const isPrivate = !chat || chat.type === "private";
			// Who reads a channel does not write it.
			const isMember = !isPrivate && chat.type !== "channel" && !from.is_bot;
			return (isPrivate || isGroup(chat.id)) && (isMember || isListed(from.id));
		},
		isAllowedChat: (chatId) =>
			chatId > 0 ? isListed(chatId) : isGroup(chatId),
	};
}

/** Who says a message. In a private chat that is whom the chat is with. */
export function speakerOf({
	from,
	sender_chat,
	chat,
}: Pick<Message, "from" | "sender_chat" | "chat">): Speaker {
	if (sender_chat) return { id: sender_chat.id, name: chatName(sender_chat) };
	return from
		? { id: from.id, name: personName(from) }
		: { id: chat.id, name: chatName(chat) };
}

/** Who first said what was passed on; somebody who hides their account has a name only. */
export function originator(origin: MessageOrigin): {
	id?: number;
	name: string;
} {
	switch (origin.type) {
		case "user": {
			const { sender_user: user } = origin;
			return { id: user.id, name: personName(user) };
		}
		case "chat":
			return { id: origin.sender_chat.id, name: chatName(origin.sender_chat) };
		case "channel":
			return { id: origin.chat.id, name: chatName(origin.chat) };
		default:
			return { name: cleanName(origin.sender_user_name) };
	}
}

/** What a person calls themselves. */
export function personName({
	first_name,
	last_name,
}: Pick<User, "first_name" | "last_name">): string {
	return cleanName([first_name, last_name].filter(Boolean).join(" "));
}

/** What a chat is called. */
export function chatName(chat: Chat): string {
	return chat.type === "private" ? personName(chat) : cleanName(chat.title);
}
