// What a message says: words and notes for the model, and files. Whatever comes from outside is data.

import type { Message } from "grammy/types";
import type { InboundMessage } from "../../core/message.ts";
import { oneLine } from "../one_line.ts";
import { type Access, originator, speakerOf } from "./access.ts";
import {
	answeredMessage,
	type BotName,
	type MarkedText,
	markedText,
	mentionLength,
} from "./addressing.ts";
import { readFiles } from "./files.ts";
import { readNotes, richWords } from "./notes.ts";

/** What a turn is made of. */
export type Content = Pick<InboundMessage, "text" | "files">;

const MAX_QUOTE_LENGTH = 200;

/** Looks like Aeon's own naming of who speaks, which people could write, too. */
const SPEAKER = /^(?=.*\(id -?\d+\)\s*[:：])/gm;

/** What a message says by itself; undefined where there is nothing in it for a model. */
export function readContent(
	message: Message,
	bot: BotName,
): Content | undefined {
	const files = readFiles(message);
	const text = [spokenWords(message, bot), ...readNotes(message)]
		.filter(Boolean)
		.join("\n");
	// The bot's name alone is something said, too.
	const isEmpty = text === "" && markedText(message).text === "";
	if (isEmpty && files.length === 0) return undefined;
	return { text, ...(files.length > 0 && { files }) };
}

/** The same with what the model has to know beside: what it answers, and whom it was forwarded from. */
export function withContext(
	content: Content,
	message: Message,
	access: Pick<Access, "isTrusted" | "isTrustedOrigin">,
): Content {
	const { forward_origin } = message;
	const notes = [
		describeAnswered(message, access),
		forward_origin && `forwarded from ${originator(forward_origin).name}`,
	].flatMap((note) => (note ? [`[${note}]`] : []));
	return {
		...content,
		text: [...notes, content.text].filter(Boolean).join("\n"),
	};
}

/** The same with who speaks, where several people may. */
export function withSpeaker(content: Content, message: Message): Content {
	if (message.chat.type === "private") return content;
	const { name, id } = speakerOf(message);
	const said = content.text.replace(SPEAKER, "> ");
	return { ...content, text: `${name} (id ${id}): ${said}`.trim() };
}

/** What a person wrote, without the bot's name at the beginning, with the addresses that its links lead to. */
export function spokenWords(message: Message, bot: BotName): string {
	const marked = markedText(message);
	const isPrivate = message.chat.type === "private";
	const name = isPrivate ? 0 : mentionLength(marked, bot);
	const words = withLinks(marked).slice(name).trim();
	return [words, richWords(message)].filter(Boolean).join("\n").toWellFormed();
}

/** Formatting says little in words; an address behind words would be lost. */
function withLinks({ text, entities }: MarkedText): string {
	let linked = text;
	for (const entity of entities.toSorted((a, b) => b.offset - a.offset)) {
		if (entity.type !== "text_link") continue;
		const end = entity.offset + entity.length;
		if (text.slice(entity.offset, end) === entity.url) continue;
		linked = `${linked.slice(0, end)} (${entity.url})${linked.slice(end)}`;
	}
	return linked;
}

/** What a message answers: shortly, and nothing that somebody said who may not talk to Aeon. */
function describeAnswered(
	message: Message,
	{ isTrusted, isTrustedOrigin }: Pick<Access, "isTrusted" | "isTrustedOrigin">,
): string | undefined {
	const { external_reply: external, quote, reply_to_story: story } = message;
	const answered = answeredMessage(message);
	if (story) return "in reply to a story";
	if (!answered && !external) return undefined;
	const isKnown = answered
		? isTrusted(answered)
		: external && isTrustedOrigin(external.origin);
	if (!isKnown) return "in reply to somebody who is not listed";
	const words = quote?.text ?? describeShortly(answered ?? external ?? {});
	const text = oneLine(words, MAX_QUOTE_LENGTH).replaceAll('"', "'");
	return text === "" ? undefined : `in reply to "${text}"`;
}

/** A message's words, else what kind it is. */
function describeShortly(message: object): string {
	const whole = message as Message;
	const { text } = markedText(whole);
	if (text !== "") return text;
	const kinds = readFiles(whole).map(({ kind }) => kind);
	return [richWords(whole), ...readNotes(whole), ...kinds]
		.filter(Boolean)
		.join(" ");
}
