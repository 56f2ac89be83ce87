// Whether a message of a group is meant for this bot, and what it says without the bot's name; commands.

import type { Message, MessageEntity } from "grammy/types";
import { COMMANDS, type Command } from "../commands.ts";

/** The bot, as messages name it. */
export interface BotName {
	id: number;
	/** Without `@`; unknown until Telegram has told it once. */
	username: string | undefined;
}

/** Text and where in it something is; offsets count UTF-16 units. */
export interface MarkedText {
	text: string;
	entities: MessageEntity[];
}

const COMMAND = /^\/([a-z0-9_]{1,32})(?:@([a-z0-9_]{1,32}))?(?=\s|$)/i;

/** The commands that count in a group without the bot's name. */
const KNOWN = new Set(COMMANDS.map(({ command }) => command));

/** A message's text or caption. */
export function markedText(
	message: Pick<Message, "text" | "entities" | "caption" | "caption_entities">,
): MarkedText {
	const { text, entities, caption, caption_entities } = message;
	return text === undefined
		? { text: caption ?? "", entities: caption_entities ?? [] }
		: { text, entities: entities ?? [] };
}

/** True where a message names the bot, answers it, or is a command that is not another bot's. */
export function isAddressed(message: Message, bot: BotName): boolean {
	const marked = markedText(message);
	const { text } = marked;
	const [command, word = "", name] = COMMAND.exec(text) ?? [];
	if (command && name && !isName(name, bot)) return false;
	// Telegram gives every bot of a group the commands that name none of them.
	const isOurs = name !== undefined || KNOWN.has(word.toLowerCase());
	if (command && isOurs && message.text !== undefined) return true;
	return (
		marked.entities.some((entity) => isMention(entity, text, bot)) ||
		answersBot(message, bot.id)
	);
}

/** How many UTF-16 units at a text's beginning name the bot, and what follows belongs to that: 0 where it does not begin so. */
export function mentionLength(
	{ text, entities }: MarkedText,
	bot: BotName,
): number {
	const start = text.length - text.trimStart().length;
	const mention = entities.find(
		(entity) => entity.offset === start && isMention(entity, text, bot),
	);
	if (!mention) return 0;
	const end = start + mention.length;
	return end + (/^[\s,:;.!]*/.exec(text.slice(end))?.[0].length ?? 0);
}

/** The command that a text is, without the bot's name; none where it is another bot's, or only looks like one, as a path does. */
export function readCommand(text: string, bot: BotName): Command | undefined {
	const trimmed = text.trim();
	const [whole, word, name] = COMMAND.exec(trimmed) ?? [];
	if (!whole || !word || (name && !isName(name, bot))) return undefined;
	const line = `/${word}${trimmed.slice(whole.length)}`;
	return { word: word.toLowerCase(), line };
}

/** The message that this one answers; none where it only stands in a topic, which Telegram tells in the same way. */
export function answeredMessage(message: Message): Message | undefined {
	const { reply_to_message: answered, is_topic_message } = message;
	const isTopicStart =
		answered?.forum_topic_created !== undefined ||
		(is_topic_message && answered?.message_id === message.message_thread_id);
	return isTopicStart ? undefined : answered;
}

function answersBot(message: Message, botId: number): boolean {
	return answeredMessage(message)?.from?.id === botId;
}

function isMention(entity: MessageEntity, text: string, bot: BotName): boolean {
	if (entity.type === "text_mention") return entity.user.id === bot.id;
	const { offset, length } = entity;
	return (
		entity.type === "mention" &&
		isName(text.slice(offset + 1, offset + length), bot)
	);
}

function isName(name: string, { username }: BotName): boolean {
	return name.toLowerCase() === username?.toLowerCase();
}
