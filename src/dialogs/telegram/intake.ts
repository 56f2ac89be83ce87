// From an update of Telegram's to what Aeon does about it: a message to be answered, a command, a sentence, or nothing.

import type { CallbackQuery, Message, Update } from "grammy/types";
import { AeonError, describeError, hasCode } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { createCommands } from "../commands.ts";
import { createOnce } from "../once.ts";
import type { DialogHost } from "../provider.ts";
import { type Access, speakerOf } from "./access.ts";
import { isAddressed, readCommand } from "./addressing.ts";
import { type Album, createAlbums, hold } from "./albums.ts";
import type { Memory } from "./memory.ts";
import { type Place, placeOf } from "./place.ts";
import { describeService } from "./service.ts";
import {
	answerStranger,
	explainForward,
	type StrangerParts,
} from "./strangers.ts";
import {
	readContent,
	spokenWords,
	withContext,
	withSpeaker,
} from "./update.ts";

/** What it takes updates in for. */
export interface IntakeParts {
	host: Pick<DialogHost, "accept" | "amend" | "say" | "hasSaid" | "command">;
	/** The agent that answers. */
	agent(): string;
	botId: number;
	/** Without `@`; undefined as long as Telegram has never told it. */
	username(): string | undefined;
	access: Access;
	memory: Memory;
	pairing: StrangerParts["pairing"];
	logger: Logger;
	/** Is given the buttons that were pressed by whoever may talk to Aeon there, each once; nobody else's. */
	press(query: CallbackQuery): Promise<void>;
}

/** Takes updates in. */
export interface Intake {
	/**
	 * Resolves once an update is safely dealt with. Rejects, with `storage_failed` or `shutting_down`, only where it has to
	 * come again; then nothing of it is done twice.
	 */
	take(update: Update): Promise<void>;
}

const TOO_LATE =
	"I had begun with that message already: send it again as a new one if you want another answer.";
const LIVE_LOCATION =
	"A live location counts as it was when you sent it: I do not follow it.";
const UNKNOWN =
	"That is a kind of message that Aeon does not know, so it does nothing with it.";
const FAULT =
	"Something went wrong with that message, and it is not answered. The log of Aeon says more.";

/** The intake of a bot. */
export function createIntake(parts: IntakeParts): Intake {
	const { host, access, memory, logger, botId } = parts;
	const albumOf = createAlbums();
	const runCommand = createCommands(parts);
	const onceForStrangers = createOnce();
	const oncePressed = createOnce();
	const bot = () => ({ id: botId, username: parts.username() });

	const place = (update: Update, message: Message) =>
		placeOf(update, message, {
			agent: parts.agent(),
			botId,
			originOf: memory.originOf,
		});

	const say = (
		{ to, messageId, replyTo }: Place,
		text: string,
		kind: string,
		deliveryId = `${kind}-${messageId}`,
	) =>
		host.say(to, {
			text,
			deliveryId,
			...(replyTo !== undefined && { replyTo }),
		});

	const take = async (update: Update) => {
		try {
			await handle(update);
		} catch (error) {
			if (mustComeAgain(error)) throw error;
			logger.error("telegram.update_failed", {
				update: update?.update_id,
				error,
			});
			await apologise(update);
		}
	};

	const handle = async (update: Update) => {
		const { callback_query: query } = update;
		if (query) return press(update, query);
		const message = update.message ?? update.channel_post;
		if (message) return receive(update, message);
		const edited = editedMessage(update);
		if (edited) await amend(update, edited);
	};

	const receive = async (update: Update, message: Message) => {
		if (await moves(message)) return;
		const at = place(update, message);
		const isMeant = at.isPrivate || isAddressed(message, bot());
		const stranger = access.strangerIn(message);
		if (stranger) {
			if (!isMeant) return;
			return onceForStrangers(update.update_id, () =>
				answerStranger(message, stranger, at, parts),
			);
		}
		const album = albumOf(message);
		if (!isMeant && album?.first === undefined) {
			if (album) hold(album, update);
			return;
		}
		if (album) album.first ??= album.held[0]?.update_id ?? update.update_id;
		for (const held of album?.held ?? [])
			if (held.update_id !== update.update_id)
				await answer(held, held.message ?? held.channel_post ?? message, album);
		if (album) album.held = [];
		await answer(update, message, album);
	};

	/** Deals with a message that is meant for Aeon, of somebody who may talk to it. */
	const answer = async (update: Update, message: Message, album?: Album) => {
		const at = place(update, message);
		const behind = access.strangerBehind(message);
		if (behind) {
			const { media_group_id: group } = message;
			const id = group && `forward-${at.to}-${group}`;
			return say(at, explainForward(behind), "forward", id);
		}
		if (await obeys(update, message, at)) return;
		const content = readContent(message, bot());
		if (!content) {
			const service = describeService(message);
			if (at.isPrivate || !service) await say(at, service ?? UNKNOWN, "notice");
			return;
		}
		const isFirst = (album?.first ?? update.update_id) === update.update_id;
		const isBare = !isFirst && content.text === "";
		const spoken = isBare ? content : withSpeaker(content, message);
		const model = memory.modelOf(at.sessionKey);
		const { sessionKey, messageId, reference } = at;
		try {
			await host.accept({
				...(isFirst ? withContext(spoken, message, access) : spoken),
				sessionKey,
				messageId,
				reference,
				...(!at.isPrivate && { sender: `${speakerOf(message).id}` }),
				...(message.media_group_id && { album: message.media_group_id }),
				...(model !== undefined && { model }),
			});
		} catch (error) {
			if (!(error instanceof AeonError) || mustComeAgain(error)) throw error;
			logger.info("telegram.refused", { code: error.code });
			await say(at, error.message, "refusal");
		}
	};

	/** Runs what is a command; false where it is none. */
	const obeys = async (update: Update, message: Message, at: Place) => {
		if (message.text === undefined || message.forward_origin) return false;
		const command = readCommand(spokenWords(message, bot()), bot());
		if (!command) return false;
		// It came before, and the process has ended before Telegram was told: it must not act again.
		if (await host.hasSaid(`command-${at.messageId}`)) return true;
		const reply = await runCommand(update.update_id, command, at.sessionKey);
		if (reply === undefined) return false;
		await say(at, reply, "command");
		return true;
	};

	const amend = async (update: Update, message: Message) => {
		if (access.strangerIn(message) || access.strangerBehind(message)) return;
		const at = place(update, message);
		const content = readContent(message, bot());
		if (!content) return;
		const change = withContext(withSpeaker(content, message), message, access);
		if (await host.amend(at.sessionKey, at.reference, change)) return;
		if (!at.isPrivate && !isAddressed(message, bot())) return;
		const text = message.location ? LIVE_LOCATION : TOO_LATE;
		const id = `edit-${memory.originOf(message.chat.id)}-${at.reference}`;
		await say(at, text, "edit", id);
	};

	/** Notes that a group has become a supergroup; false where a message tells nothing of that. */
	const moves = async ({ chat, ...message }: Message) => {
		if (chat.type === "private") return false;
		const { migrate_from_chat_id: from, migrate_to_chat_id: to } = message;
		if (from === undefined && to === undefined) return false;
		const [older, newer] = [from ?? chat.id, to ?? chat.id];
		if (access.isAllowedChat(older) || access.isAllowedChat(newer))
			await memory.migrate(older, newer);
		return true;
	};

	const press = async ({ update_id }: Update, query: CallbackQuery) => {
		if (!access.mayPress(query)) return;
		try {
			await oncePressed(update_id, () => parts.press(query));
		} catch (error) {
			// A button can be pressed again; the other updates wait.
			logger.warn("telegram.press_failed", { problem: describeError(error) });
		}
	};

	/** Tells whoever may talk to Aeon that their message led to a fault, so that it is not lost in silence. */
	const apologise = async (update: Update) => {
		try {
			const message =
				update.message ?? update.channel_post ?? editedMessage(update);
			if (!message || access.strangerIn(message)) return;
			const at = place(update, message);
			if (at.isPrivate || isAddressed(message, bot()))
				await say(at, FAULT, "fault");
		} catch (error) {
			if (mustComeAgain(error)) throw error;
			logger.error("telegram.fault_untold", { problem: describeError(error) });
		}
	};

	return { take };
}

function editedMessage(update: Update): Message | undefined {
	return update.edited_message ?? update.edited_channel_post;
}

/** True where Telegram is to send the update again: it could not be kept. */
function mustComeAgain(error: unknown): boolean {
	return hasCode(error, "storage_failed", "shutting_down");
}
