// Messages on their way to Telegram: sent, edited, taken away, and found again where nobody knows whether they arrived.

import type { Clock } from "../../core/clock.ts";
import { hasCode } from "../../core/errors.ts";
import type { OutboundMessage } from "../provider.ts";
import type { Address } from "./address.ts";
import type { BotClient, Parameters } from "./client.ts";
import { migratedTo } from "./failure.ts";
import type { Memory } from "./memory.ts";
import { orPlain } from "./plain.ts";
import { Positions } from "./positions.ts";
import { leavingAlone } from "./quiet.ts";
import { sendFile } from "./upload.ts";

/** Message ids count up: a message that got lost on its way back has one of the next after the last that is known. */
const MAX_LOOKUPS = 10;

const REPEAT_MARK = "<i>(sent again: it may have arrived before)</i>\n";

/** How long an edit may follow another one, in a person's chat and in a group. */
const EDIT_PAUSE_MS = { private: 1_000, group: 3_000 };

/** What a messenger works with. */
export interface MessengerParts {
	client: BotClient;
	memory: Memory;
	clock: Clock;
}

/** The buttons under a message. */
export type Keyboard = NonNullable<Parameters<"sendMessage">["reply_markup"]>;

/** Speaks in the chats of one bot. What is said is HTML of `html.ts`. */
export class Messenger {
	readonly #client: BotClient;
	readonly #memory: Memory;
	readonly #positions = new Positions();

	constructor({ client, memory, clock }: MessengerParts) {
		this.#client = leavingAlone(client, clock);
		this.#memory = memory;
	}

	/** A message was seen in a chat, whoever sent it. */
	note(chatId: number, messageId: number): void {
		this.#positions.note(chatId, messageId);
	}

	/** Where a chat stands: its last message. */
	bookmark(to: string): string | undefined {
		return this.#positions.last(this.#address(to).chatId)?.toString();
	}

	editPauseMs(to: string): number {
		return to.startsWith("-") ? EDIT_PAUSE_MS.group : EDIT_PAUSE_MS.private;
	}

	/** Sends a message, unless it turns out to be there already; gives its id. */
	async send(
		to: string,
		message: OutboundMessage,
		signal?: AbortSignal,
		keyboard?: Keyboard,
	): Promise<string> {
		const { triedAt, file, text } = message;
		if (triedAt === undefined)
			return this.#sendNew(to, message, signal, keyboard);
		const marked = { ...message, text: REPEAT_MARK + text };
		// A file cannot be found: an edit would put another one into its place.
		const last = file || triedAt === "" ? Number.NaN : Number(triedAt);
		if (!Number.isSafeInteger(last))
			return this.#sendNew(to, marked, signal, keyboard);
		const found = await this.#findLost(to, last, text, signal, keyboard);
		if (found !== undefined) return String(found);
		const end = last + MAX_LOOKUPS;
		if (Number(this.bookmark(to) ?? 0) > end)
			return this.#sendNew(to, marked, signal, keyboard);
		const id = await this.#sendNew(to, message, signal, keyboard);
		// Its id tells that more was said since than was looked through. It is there: that the mark is as well is not worth a failure.
		if (Number(id) > end + 1)
			await this.edit(to, id, marked, signal, keyboard).catch(() => {});
		return id;
	}

	/** Puts another text in the place of a message's. */
	async edit(
		to: string,
		platformId: string,
		{ text }: OutboundMessage,
		signal?: AbortSignal,
		keyboard?: Keyboard,
	): Promise<void> {
		await this.#moving(to, ({ chatId }) =>
			this.#edit(chatId, Number(platformId), text, signal, keyboard),
		);
	}

	async remove(to: string, platformId: string): Promise<void> {
		await this.#moving(to, ({ chatId }) =>
			this.#client.ask("deleteMessage", {
				chat_id: chatId,
				message_id: Number(platformId),
			}),
		);
	}

	async typing(to: string, signal: AbortSignal): Promise<void> {
		const { chatId, threadId } = this.#address(to);
		await this.#client.ask(
			"sendChatAction",
			{ chat_id: chatId, action: "typing", ...inThread(threadId) },
			{ signal },
		);
	}

	#sendNew(
		to: string,
		{ text, file, replyTo }: OutboundMessage,
		signal: AbortSignal | undefined,
		keyboard: Keyboard | undefined,
	): Promise<string> {
		const options = signal ? { signal } : {};
		return this.#moving(to, async ({ chatId, threadId }) => {
			const common = {
				chat_id: chatId,
				...inThread(threadId),
				...(replyTo !== undefined && {
					reply_parameters: {
						message_id: Number(replyTo),
						allow_sending_without_reply: true,
					},
				}),
				...(keyboard && { reply_markup: keyboard }),
			};
			const sent = file
				? sendFile(this.#client, file, text, common, options)
				: orPlain(text, (form) =>
						this.#client.ask(
							"sendMessage",
							{ ...common, ...form, ...QUIET_LINKS },
							options,
						),
					);
			const { message_id } = await sent;
			this.#positions.noteOwn(chatId, message_id);
			return String(message_id);
		});
	}

	async #edit(
		chatId: number,
		messageId: number,
		text: string,
		signal: AbortSignal | undefined,
		keyboard?: Keyboard,
	): Promise<void> {
		await orPlain(text, (form) =>
			this.#client.ask(
				"editMessageText",
				{
					chat_id: chatId,
					message_id: messageId,
					...form,
					...QUIET_LINKS,
					...(keyboard && { reply_markup: keyboard as never }),
				},
				signal ? { signal } : {},
			),
		);
	}

	/**
	 * Looks for a message behind the last one of then, by editing those that may be it: only a bot's own can be edited, and
	 * those that are known are left alone. Gives its id where it is found.
	 */
	async #findLost(
		to: string,
		last: number,
		text: string,
		signal: AbortSignal | undefined,
		keyboard: Keyboard | undefined,
	): Promise<number | undefined> {
		const { chatId } = this.#address(to);
		for (let id = last + 1; id <= last + MAX_LOOKUPS; id++) {
			if (this.#positions.isOwn(chatId, id)) continue;
			try {
				await this.#edit(chatId, id, text, signal, keyboard);
				this.#positions.noteOwn(chatId, id);
				return id;
			} catch (error) {
				if (!hasCode(error, "peer_rejected") || error.status !== 400)
					throw error;
			}
		}
		return undefined;
	}

	#address(to: string): Address {
		return this.#memory.chatFor(to);
	}

	/** Does something in a chat; once more in its new place where the group has just moved. */
	async #moving<T>(
		to: string,
		work: (address: Address) => Promise<T>,
	): Promise<T> {
		const address = this.#address(to);
		try {
			return await work(address);
		} catch (error) {
			const moved = migratedTo(error);
			if (moved === undefined) throw error;
			await this.#memory.migrate(address.chatId, moved);
			return work(this.#address(to));
		}
	}
}

const QUIET_LINKS = { link_preview_options: { is_disabled: true } };

function inThread(threadId: number | undefined) {
	return threadId === undefined ? {} : { message_thread_id: threadId };
}
