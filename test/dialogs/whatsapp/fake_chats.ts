// The chats of the fake Cloud API: what arrived with whom, what was marked as read, when "typing" showed.

import type { Clock } from "../../../src/core/clock.ts";
import {
	Breach,
	type FakeFile,
	type Fields,
	GraphRefusal,
	readMessage,
	readReceipt,
	type Said,
} from "./fake_rules.ts";

/** A business may write freely for so long after a person has ("Send messages", customer service windows). */
const WINDOW_MS = 24 * 60 * 60 * 1000;

/** What a person sees from the business. */
export interface VisibleMessage extends Said {
	/** Its wamid. */
	id: string;
}

/** What happens in a chat, in its order; `id` is the message's that it is about. */
export interface Moment {
	kind: "heard" | "read" | "typing" | "message";
	id: string;
}

/** A message that Meta has taken. */
export interface Accepted extends VisibleMessage {
	to: string;
	tag?: string;
	/** Outside the window, where that is told afterwards. */
	isLate: boolean;
}

interface Chat {
	messages: VisibleMessage[];
	moments: Moment[];
	heardAt?: number;
}

/** The chats, by figures without a plus. */
export class FakeChats {
	/** What becomes of a message outside the window: it is refused, or taken and told to have failed. Open: nothing. */
	window: "open" | "refused" | "reported" = "open";
	readonly #clock: Clock;
	readonly #breach: (what: string) => void;
	readonly #chats = new Map<string, Chat>();
	readonly #owners = new Map<string, string>();
	#lastId = 0;

	constructor(clock: Clock, breach: (what: string) => void) {
		this.#clock = clock;
		this.#breach = breach;
	}

	/** The messages that arrived, in order. */
	visible(to: string): VisibleMessage[] {
		return this.#chat(to).messages;
	}

	/** All that happened, in order. */
	moments(to: string): Moment[] {
		return this.#chat(to).moments;
	}

	/** The id of a message that a person sends now. */
	hear(from: string): string {
		const chat = this.#chat(from);
		const id = this.#newId(from);
		chat.heardAt = this.#clock.now();
		chat.moments.push({ kind: "heard", id });
		return id;
	}

	/** Takes a message to a person. Throws where that breaks a rule. */
	send(body: Fields, fileOf: (id: string) => FakeFile | undefined): Accepted {
		const { to, said, tag } = readMessage(body, fileOf);
		const chat = this.#chat(to);
		const age = this.#clock.now() - (chat.heardAt ?? Number.NEGATIVE_INFINITY);
		const isLate = this.window !== "open" && age > WINDOW_MS;
		if (isLate && this.window === "refused")
			throw new GraphRefusal(
				131047,
				"Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
			);
		// Meta shows such a message without what it answers; Aeon has no reason to send one.
		if (said.replyTo !== undefined && this.#owners.get(said.replyTo) !== to)
			this.#breach(`it answers ${said.replyTo}, which is not in its chat`);
		const id = this.#newId(to);
		if (!isLate) {
			chat.messages.push({ id, ...said });
			chat.moments.push({ kind: "message", id });
		}
		return { id, to, isLate, ...said, ...(tag !== undefined && { tag }) };
	}

	/** Marks a message as read, and all before it. Throws where no person sent it. */
	read(body: Fields): void {
		const { id, isTyping } = readReceipt(body);
		const owner = this.#owners.get(id) ?? "";
		const { moments } = this.#chat(owner);
		if (!moments.some((one) => one.kind === "heard" && one.id === id))
			throw new Breach(131009, `${id} is no message that came in`);
		moments.push({ kind: "read", id });
		if (isTyping) moments.push({ kind: "typing", id });
	}

	#chat(number: string): Chat {
		const figures = figuresOf(number);
		const chat = this.#chats.get(figures) ?? { messages: [], moments: [] };
		this.#chats.set(figures, chat);
		return chat;
	}

	#newId(number: string): string {
		const figures = figuresOf(number);
		const id = `wamid.${btoa(`\x1d\x0b${figures}\x15\x02${++this.#lastId}`)}`;
		this.#owners.set(id, figures);
		return id;
	}
}

/** A number as Meta writes it (`wa_id`). */
export function figuresOf(number: string): string {
	return number.replace(/^\+/, "");
}
