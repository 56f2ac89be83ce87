// Updates as the Bot API has them, for the tests of this dialog.

import type { Message, Update } from "grammy/types";

export const BOT = {
	id: 4242,
	is_bot: true,
	first_name: "Aeon",
	username: "OurBot",
};
export const ANNA = {
	id: 777,
	is_bot: false,
	first_name: "Anna",
	last_name: "Schmidt",
};
export const MALLORY = { id: 888, is_bot: false, first_name: "Mallory" };
/** What Telegram puts in the place of somebody who writes as a group. */
export const ANONYMOUS = {
	id: 1087968824,
	is_bot: true,
	first_name: "Group",
	username: "GroupAnonymousBot",
};
export const GROUP = { id: -100123, type: "supergroup", title: "Family" };
export const CHANNEL = { id: -100555, type: "channel", title: "News" };

/** The next number of an update and of a message. */
let last = 1_000;

/** An update of one kind, with a number of its own. */
export function update(fields: object): Update {
	return { update_id: ++last, ...fields } as Update;
}

/** A message in a person's own chat with the bot. */
export function privateMessage(fields: object, from: object = ANNA): Message {
	const chat = { ...from, type: "private" };
	return { message_id: ++last, date: 1, chat, from, ...fields } as Message;
}

/** A message in a group. */
export function groupMessage(fields: object, from: object = ANNA): Message {
	return {
		message_id: ++last,
		date: 1,
		chat: GROUP,
		from,
		...fields,
	} as Message;
}

/** A group's text that begins with the bot's name. */
export function mentioning(text: string): object {
	return {
		text: `@ourbot ${text}`,
		entities: [{ type: "mention", offset: 0, length: 7 }],
	};
}

/** Sizes of one picture, as Telegram offers them. */
export function photo(...widths: number[]) {
	return widths.map((width) => ({
		file_id: `f${width}`,
		file_unique_id: `u${width}`,
		width,
		height: width / 2,
		file_size: width * 100,
	}));
}
