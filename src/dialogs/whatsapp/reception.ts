// What Aeon does about one message: a turn, a command, a sentence, a note for later, or nothing.

import { AeonError, hasCode } from "../../core/errors.ts";
import { asText } from "../../core/json.ts";
import type { Logger } from "../../core/logger.ts";
import { formatSessionKey } from "../../core/session.ts";
import { createCommands } from "../commands.ts";
import { createOnce } from "../once.ts";
import type { DialogHost } from "../provider.ts";
import { CLOSED, questionOf } from "../question.ts";
import type { Access } from "./access.ts";
import { afterthoughtOf } from "./afterthoughts.ts";
import { describeContext, describeDelay, shorten } from "./context.ts";
import type { Memory } from "./memory.ts";
import { isForwarded, readButton, readContent, readWords } from "./message.ts";
import type { ReceivedMessage } from "./payload.ts";
import type { Pressed } from "./questions.ts";
import { createSpokenWords } from "./spoken.ts";
import { answerStranger, type StrangerParts } from "./strangers.ts";

/** What messages are received for. */
export interface ReceptionParts {
	host: Pick<
		DialogHost,
		"accept" | "amend" | "say" | "hasSaid" | "command" | "said"
	>;
	/** The agent that answers. */
	agent(): string;
	access: Pick<Access, "isAllowed">;
	memory: Memory;
	pairing: StrangerParts["pairing"];
	logger: Logger;
	/** Milliseconds since 1970, of the calendar: what was sent long ago is told by it. */
	now(): number;
	/** Is given the answers to questions of whoever may talk to Aeon, each once; false where the question is closed. */
	press(pressed: Pressed): Promise<boolean>;
	/** Is told of a message that is answered without a turn, so that it counts as read. */
	read(wamid: string): void;
	/** Is told of each message of whoever may talk to Aeon, before anything is done about it. */
	note(to: string, wamid: string): void;
}

/** Receives messages of people, each chat's one after the other. What rejects with `mustComeAgain` is not kept. */
export interface Reception {
	receive(message: ReceivedMessage, from: string): Promise<void>;
	/** Tells whoever may talk to Aeon that their message led to a fault, so that it is not lost in silence. */
	apologise(message: ReceivedMessage, from: string): Promise<void>;
}

const COMMAND = /^\/([a-z0-9_]{1,32})(?=\s|$)/i;

const UNSUPPORTED =
	"WhatsApp does not pass that kind of message on to me, so I cannot see it: send it in another way.";
const UNKNOWN =
	"That is a kind of message that Aeon does not know, so it does nothing with it.";
const FAULT =
	"Something went wrong with that message, and it is not answered. The log of Aeon says more.";

/** The reception of a number. */
export function createReception(parts: ReceptionParts): Reception {
	const { host, access, memory, logger } = parts;
	const spoken = createSpokenWords(host);
	const runCommand = createCommands(parts);
	const onceForStrangers = createOnce();
	const onceInSilence = createOnce();

	const keyOf = (from: string) =>
		formatSessionKey({
			agentId: parts.agent(),
			dialog: "whatsapp",
			userId: from,
		});

	const say = async (from: string, text: string, kind: string, id: string) => {
		await host.say(from, { text, deliveryId: `${kind}-${id}` });
		parts.read(id);
	};

	const receive = async (message: ReceivedMessage, from: string) => {
		const { id, type, content } = message;
		if (type === "request_welcome") return;
		if (type === "system") {
			const what = asText(content.type) || "unknown";
			return logger.info("whatsapp.system", { what, from });
		}
		const afterthought = afterthoughtOf(type);
		const button = readButton(message);
		const isPress = button !== undefined && questionOf(button) !== undefined;
		if (!access.isAllowed(from)) {
			if (afterthought || isPress) return;
			return onceForStrangers(id, () => answerStranger(message, from, parts));
		}
		if (afterthought) {
			const about = { content, from, sessionKey: keyOf(from) };
			const work = () => afterthought(about, { host, memory, spoken });
			return onceInSilence(id, work);
		}
		// The code that let them in, come again: it is no message.
		if (await host.hasSaid(`paired-${id}`)) return;
		parts.note(from, id);
		if (!isPress) return answer(message, from);
		const press = () => parts.press({ from, id: button, wamid: id });
		if (!(await onceInSilence(id, press)))
			await say(from, CLOSED, "closed", id);
	};

	/** Deals with what somebody says who may talk to Aeon. */
	const answer = async (message: ReceivedMessage, from: string) => {
		const { id, type, sentAt } = message;
		if (await obeys(message, from)) return;
		// There was no room for it, and they have been told.
		if (await host.hasSaid(`refusal-${id}`)) return;
		const content = readContent(message);
		if (!content) {
			const isHidden = type === "unsupported" || type === "unknown";
			return say(from, isHidden ? UNSUPPORTED : UNKNOWN, "notice", id);
		}
		const sessionKey = keyOf(from);
		const model = memory.modelOf(sessionKey);
		const reactions = memory.reactionsOf(sessionKey);
		const notes = [
			...describeDelay(sentAt, parts.now()),
			...reactions.map(([, note]) => note),
			...(await describeContext(message, (one) => spoken.wordsOf(from, one))),
		];
		try {
			const { isRepeat } = await host.accept({
				...content,
				text: [...notes, content.text].filter(Boolean).join("\n"),
				sessionKey,
				messageId: id,
				reference: id,
				...(model !== undefined && { model }),
			});
			if (isRepeat) return;
			spoken.remember(from, id, { words: shorten(content), notes });
			await memory.forgetReactions(sessionKey, reactions);
		} catch (error) {
			if (!(error instanceof AeonError) || mustComeAgain(error)) throw error;
			logger.info("whatsapp.refused", { code: error.code });
			await say(from, error.message, "refusal", id);
		}
	};

	/** Runs what is a command; false where it is none. */
	const obeys = async (message: ReceivedMessage, from: string) => {
		const { id, type } = message;
		if (type !== "text" || isForwarded(message)) return false;
		const line = readWords(message);
		const word = COMMAND.exec(line)?.[1]?.toLowerCase();
		if (word === undefined) return false;
		// It came before, and the process has ended before Meta was told: it must not act again.
		if (await host.hasSaid(`command-${id}`)) return true;
		const reply = await runCommand(id, { word, line }, keyOf(from));
		if (reply === undefined) return false;
		await say(from, reply, "command", id);
		return true;
	};

	return {
		receive,
		async apologise({ id }, from) {
			if (access.isAllowed(from)) await say(from, FAULT, "fault", id);
		},
	};
}

/** True where Meta is to send it again: it could not be kept. */
export function mustComeAgain(error: unknown): boolean {
	return hasCode(error, "storage_failed", "shutting_down");
}
