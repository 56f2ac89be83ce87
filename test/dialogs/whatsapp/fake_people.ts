// The people who write to the fake business: what they do comes to Aeon as Meta posts it.

import type { Clock } from "../../../src/core/clock.ts";
import { type FakeChats, figuresOf } from "./fake_chats.ts";
import type { Fields } from "./fake_rules.ts";
import type { FakeAccount, FakeWebhooks } from "./fake_webhooks.ts";

/** What people do. Whatever is posted is posted again until it is answered with 200. */
export interface FakePeople {
	/** A message of somebody, such as `{ type: "image", image: { id, mime_type } }`, to be given to `deliver`. */
	message(from: string, content: Fields): Fields;
	/** Posts messages together: a list of entries, of lists of changes, of lists of messages. */
	deliver(entries: Fields[][][]): void;
	/** Somebody writes; with `extra` such as a context. Gives the wamid. */
	say(from: string, text: string, extra?: Fields): string;
	/** Somebody sends something else than text. Gives the wamid. */
	send(from: string, content: Fields): string;
	/** Somebody presses the last button with this title. Gives the wamid. Throws where there is none. */
	press(from: string, title: string): string;
	/** Somebody puts an emoji to a message; "" takes it away. Gives the wamid. */
	react(from: string, messageId: string, emoji: string): string;
	/** Posts once more what brought this message, though it was answered. */
	repeat(wamid: string): void;
}

/** People who are in no chat yet. */
export function fakePeople(parts: {
	account: FakeAccount;
	chats: FakeChats;
	webhooks: FakeWebhooks;
	clock: Clock;
}): FakePeople {
	const { account, chats, webhooks, clock } = parts;
	const brought = new Map<string, object>();

	const message = (from: string, content: Fields): Fields => ({
		from: figuresOf(from),
		id: chats.hear(from),
		timestamp: String(Math.floor(clock.now() / 1_000)),
		...content,
	});
	const deliver = (entries: Fields[][][]) => {
		const payload = webhooks.payload(
			entries.map((lists) => lists.map((messages) => changeOf(messages))),
		);
		for (const { id } of entries.flat(2)) brought.set(id, payload);
		webhooks.queue("messages", payload);
	};
	const send = (from: string, content: Fields): string => {
		const one = message(from, content);
		deliver([[[one]]]);
		return one.id;
	};

	return {
		message,
		deliver,
		send,
		say: (from, text, extra = {}) =>
			send(from, { type: "text", text: { body: text }, ...extra }),
		press(from, title) {
			const asked = chats
				.visible(from)
				.findLast(({ buttons }) => buttons?.some((one) => one.title === title));
			const button = asked?.buttons?.find((one) => one.title === title);
			if (!asked || !button)
				throw new Error(`there is no button ${title} with ${from}`);
			return send(from, {
				context: { from: account.displayNumber, id: asked.id },
				type: "interactive",
				interactive: { type: "button_reply", button_reply: button },
			});
		},
		react: (from, messageId, emoji) =>
			send(from, {
				type: "reaction",
				reaction: { message_id: messageId, ...(emoji !== "" && { emoji }) },
			}),
		repeat(wamid) {
			const payload = brought.get(wamid);
			if (!payload) throw new Error(`nothing brought ${wamid}`);
			webhooks.queue("messages", payload);
		},
	};
}

/** What a change has of messages, and of who sent them. */
function changeOf(messages: Fields[]): Fields {
	const people = [...new Set(messages.map(({ from }) => from))];
	return {
		contacts: people.map((wa_id) => ({
			profile: { name: `User ${wa_id.slice(-4)}` },
			wa_id,
		})),
		messages,
	};
}
