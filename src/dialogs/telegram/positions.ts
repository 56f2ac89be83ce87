// Where the chats of a bot stand: the last message ids that are known, and which of them are the bot's own.

/** How many of our own ids are remembered, so that none of them is taken for a lost one. */
const MAX_OWN = 1_000;

/** The ids of supergroups and channels are below this (core.telegram.org/api/bots/ids). */
const MAX_SUPERGROUP_ID = -1_000_000_000_000;

/** Message ids count up; all private chats and plain groups count together, and every supergroup for itself. */
export class Positions {
	readonly #last = new Map<string, number>();
	readonly #own = new Set<string>();

	/** A message was seen in a chat, whoever sent it. */
	note(chatId: number, messageId: number): void {
		const counter = counterOf(chatId);
		const last = this.#last.get(counter) ?? 0;
		if (messageId > last) this.#last.set(counter, messageId);
	}

	/** A message was seen that the bot has sent. */
	noteOwn(chatId: number, messageId: number): void {
		this.note(chatId, messageId);
		this.#own.add(nameOf(chatId, messageId));
		const [oldest] = this.#own;
		if (oldest !== undefined && this.#own.size > MAX_OWN)
			this.#own.delete(oldest);
	}

	/** The last message that is known of those that count with a chat's. */
	last(chatId: number): number | undefined {
		return this.#last.get(counterOf(chatId));
	}

	isOwn(chatId: number, messageId: number): boolean {
		return this.#own.has(nameOf(chatId, messageId));
	}
}

function counterOf(chatId: number): string {
	return chatId < MAX_SUPERGROUP_ID ? String(chatId) : "common";
}

function nameOf(chatId: number, messageId: number): string {
	return `${chatId} ${messageId}`;
}
