// The chats of the fake Bot API: what was said in them, and the methods that say, change and remove.

import { readHtml } from "./fake_entities.ts";
import { badCharacters, badRequest, type Parameters } from "./fake_rules.ts";

const MAX_TEXT = 4_096;
const MAX_CAPTION = 1_024;
const MAX_CALLBACK_DATA = 64;
const ACTIONS =
	/^(typing|(upload|record)_(photo|video|voice|document|video_note)|choose_sticker|find_location)$/;

/** What a person sees in the chat from the bot. */
export interface VisibleMessage {
	id: number;
	/** Plain, entities decoded; of a file its caption. */
	text: string;
	/** As it was sent. */
	html: string;
	/** The texts of its buttons and what they send. */
	buttons?: { text: string; data?: string }[];
	/** What came with it. */
	file?: { kind: string; name: string; size: number };
	/** The message that it answers. */
	replyTo?: number;
	/** The topic of a group that it is in. */
	topic?: number;
}

interface Kept extends VisibleMessage {
	chatId: number;
	isBots: boolean;
	markup: string;
}

/** The bot as it knows itself. */
export interface FakeBot {
	id: number;
	is_bot: true;
	first_name: string;
	username: string;
}

/** The messages of every chat. What breaks a rule without being refused goes to `breach`. */
export class FakeChats {
	readonly #bot: FakeBot;
	readonly #breach: (what: string) => void;
	readonly #now: () => number;
	readonly #messages = new Map<string, Kept>();
	#lastId = 0;

	constructor(bot: FakeBot, breach: (what: string) => void, now: () => number) {
		this.#bot = bot;
		this.#breach = breach;
		this.#now = now;
	}

	/** The bot's messages that are there, in order. */
	visible(chatId: number): VisibleMessage[] {
		return [...this.#messages.values()]
			.filter((one) => one.isBots && one.chatId === chatId)
			.map(({ chatId: _, isBots, markup, ...message }) => message);
	}

	/** The id of a message that a person sends. */
	hear(chatId: number, text: string): number {
		return this.#keep({ chatId, text, html: text, isBots: false, markup: "" })
			.id;
	}

	send(method: string, parameters: Parameters): object {
		const chatId = readChatId(parameters);
		const kind = /^send(Photo|Document|Audio|Voice)$/.exec(method)?.[1];
		const content = kind
			? this.#readFile(kind.toLowerCase(), parameters)
			: this.#readText(parameters, "message is too long");
		const replyTo = parameters.reply_parameters?.message_id;
		if (replyTo !== undefined && !this.#messages.has(`${chatId}:${replyTo}`)) {
			if (!parameters.reply_parameters.allow_sending_without_reply)
				throw badRequest("message to be replied not found");
		}
		const topic = parameters.message_thread_id;
		return this.describe(
			this.#keep({
				...content,
				...readMarkup(parameters),
				...(replyTo === undefined ? {} : { replyTo: Number(replyTo) }),
				...(topic === undefined ? {} : { topic: Number(topic) }),
				chatId,
				isBots: true,
			}),
		);
	}

	edit(method: string, parameters: Parameters): object {
		const key = `${readChatId(parameters)}:${parameters.message_id}`;
		const old = this.#messages.get(key);
		if (!old) throw badRequest("message to edit not found");
		if (!old.isBots) throw badRequest("message can't be edited");
		if (method === "editMessageText" && old.file)
			throw badRequest("there is no text in the message to edit");
		if (method === "editMessageCaption" && !old.file)
			throw badRequest("there is no caption in the message to edit");
		const content =
			method === "editMessageText"
				? this.#readText(parameters, "MESSAGE_TOO_LONG")
				: method === "editMessageCaption"
					? this.#readCaption(parameters)
					: { text: old.text, html: old.html };
		const { buttons: _, ...rest } = old;
		const next: Kept = { ...rest, ...content, ...readMarkup(parameters) };
		if (next.html === old.html && next.markup === old.markup)
			throw badRequest(
				"message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
			);
		this.#messages.set(key, next);
		return this.describe(next);
	}

	remove(parameters: Parameters): true {
		const key = `${readChatId(parameters)}:${parameters.message_id}`;
		if (!this.#messages.delete(key))
			throw badRequest("message to delete not found");
		return true;
	}

	act(parameters: Parameters): true {
		readChatId(parameters);
		if (!ACTIONS.test(String(parameters.action)))
			throw badRequest("wrong parameter action in request");
		return true;
	}

	/** A message of the bot as the Bot API tells of it. */
	describe(message: VisibleMessage & { chatId: number }): object {
		const { id, chatId, text, file, buttons, topic } = message;
		return {
			message_id: id,
			from: this.#bot,
			chat: chatOf(chatId),
			date: Math.floor(this.#now() / 1_000),
			...(file ? { caption: text } : { text }),
			...(topic === undefined ? {} : { message_thread_id: topic }),
			...(buttons && {
				reply_markup: {
					inline_keyboard: [
						buttons.map(({ text, data }) => ({ text, callback_data: data })),
					],
				},
			}),
		};
	}

	#keep(message: Omit<Kept, "id">): Kept {
		const kept = { id: ++this.#lastId, ...message };
		this.#messages.set(`${kept.chatId}:${kept.id}`, kept);
		return kept;
	}

	#readText(parameters: Parameters, tooLong: string) {
		if (parameters.text === undefined || parameters.text === "")
			throw badRequest("message text is empty");
		const text = this.#plain(parameters.text, parameters.parse_mode);
		if (text.trim() === "") throw badRequest("message text is empty");
		if (text.length > MAX_TEXT) throw badRequest(tooLong);
		return { text, html: parameters.text };
	}

	#readCaption({ caption = "", parse_mode }: Parameters) {
		const text = this.#plain(caption, parse_mode);
		if (text.length > MAX_CAPTION)
			throw badRequest("message caption is too long");
		return { text, html: caption };
	}

	#readFile(kind: string, parameters: Parameters) {
		const file = parameters[kind];
		if (!(file instanceof File))
			throw badRequest(`there is no ${kind} in the request`);
		if (file.size === 0) throw badRequest("file must be non-empty");
		const { name, size } = file;
		return { ...this.#readCaption(parameters), file: { kind, name, size } };
	}

	#plain(text: unknown, mode: unknown): string {
		if (typeof text !== "string") throw badRequest("strings must be strings");
		const characters = badCharacters(text);
		if (characters) this.#breach(`${characters} in a text`);
		if (!text.isWellFormed())
			throw badRequest("strings must be encoded in UTF-8");
		if (mode === undefined) return text;
		if (mode !== "HTML") throw badRequest("unsupported parse_mode");
		const plain = readHtml(text);
		if (plain.loose > 0) this.#breach("an & that is not escaped");
		if (plain.error) throw badRequest(plain.error);
		return plain.text;
	}
}

/** A chat as updates tell of it: groups have negative ids. */
export function chatOf(id: number): object {
	return id < 0
		? { id, type: "supergroup", title: `Group ${-id}` }
		: { id, type: "private", first_name: `User ${id}` };
}

function readChatId({ chat_id }: Parameters): number {
	if (chat_id === undefined || chat_id === "")
		throw badRequest("chat_id is empty");
	const id = Number(chat_id);
	if (!Number.isSafeInteger(id)) throw badRequest("chat not found");
	return id;
}

function readMarkup({ reply_markup }: Parameters) {
	const rows = reply_markup?.inline_keyboard ?? [];
	const buttons = rows.flat().map((button: Parameters) => {
		const { text, callback_data: data } = button;
		if (!text) throw badRequest("can't parse inline keyboard button: no text");
		if (data === undefined) return { text };
		const size = Buffer.byteLength(data);
		if (size < 1 || size > MAX_CALLBACK_DATA)
			throw badRequest("BUTTON_DATA_INVALID");
		return { text, data };
	});
	return {
		markup: JSON.stringify(rows),
		...(buttons.length > 0 ? { buttons } : {}),
	};
}
