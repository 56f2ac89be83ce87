// Questions with buttons: may this command run? Each is asked of one person, answered once, and after five minutes with no.

import type { CallbackQuery } from "grammy/types";
import type { ApprovalRequest, Decision } from "../../core/approval.ts";
import type { Clock } from "../../core/clock.ts";
import { type AeonError, hasCode } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import {
	CLOSED,
	describeRequest,
	QUESTION_LIMIT_MS,
	UNANSWERED,
} from "../question.ts";
import type { BotClient } from "./client.ts";
import { renderParts } from "./markdown.ts";
import type { Keyboard, Messenger } from "./messenger.ts";

/** Between two tries to ask, while Telegram cannot be reached; and how often it is tried to take the buttons away. */
const RETRY_MS = 2_000;
const MAX_CLOSINGS = 10;

const BUTTONS: [text: string, decision: Decision][] = [
	["Yes", "allow"],
	["Always this exact command", "always"],
	["No", "deny"],
];

const ENDS: Record<End, string> = {
	allow: "Allowed.",
	always: "Allowed, from now on without asking.",
	deny: "Not allowed.",
	expired: UNANSWERED,
	stopped: "Stopped.",
};

/** What the questions of one bot are asked with. */
export interface QuestionParts {
	client: BotClient;
	messenger: Messenger;
	clock: Clock;
	logger: Logger;
}

/** A question that waits for its answer. */
interface Question {
	/** Who alone may answer. */
	userId: number;
	/** The message with the buttons, once it is known. */
	messageId?: string;
	decide(decision: Decision): void;
}

type End = Decision | "expired" | "stopped";

/** The open questions. */
export class Questions {
	readonly #parts: QuestionParts;
	readonly #open = new Map<string, Question>();

	constructor(parts: QuestionParts) {
		this.#parts = parts;
	}

	/** Asks, and gives the answer: no where none comes in five minutes, or before the signal is aborted. */
	async ask(
		to: string,
		userId: number,
		request: ApprovalRequest,
		signal: AbortSignal,
	): Promise<Decision> {
		const { clock, logger } = this.#parts;
		const id = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
		const { promise, resolve: decide } = Promise.withResolvers<Decision>();
		const question: Question = { userId, decide };
		this.#open.set(id, question);
		const over = new AbortController();
		const until = AbortSignal.any([signal, over.signal]);
		const expiry = clock
			.sleep(QUESTION_LIMIT_MS, until)
			.then(() => "expired" as const)
			.catch(() => "stopped" as const);
		const texts = renderParts(describeRequest(request));
		const text = texts.pop() ?? "";
		const asked = (async () => {
			for (const one of texts) await this.#show(to, one, until);
			question.messageId = await this.#show(to, text, until, buttons(id));
		})().catch((error) => {
			if (!until.aborted) logger.warn("question.unasked", { to, error });
			// Nobody was asked, so nobody said yes.
			decide("deny");
		});
		const end: End = await Promise.race([promise, expiry]);
		this.#open.delete(id);
		over.abort();
		void asked.then(() => this.#close(to, question, text, end));
		return end === "expired" || end === "stopped" ? "deny" : end;
	}

	/** A button was pressed. Nothing waits until Telegram has heard that it was seen. */
	async press({ id, data = "", from, message }: CallbackQuery): Promise<void> {
		const [, name = "", word = ""] = /^q:(\w+):(\w+)$/.exec(data) ?? [];
		const question = this.#open.get(name);
		const decision = BUTTONS.find(([, one]) => one === word)?.[1];
		const isTheirs = question?.userId === from.id;
		if (question && decision && isTheirs) {
			this.#open.delete(name);
			if (message) question.messageId = String(message.message_id);
			question.decide(decision);
		}
		const text =
			!question || !decision
				? CLOSED
				: isTheirs
					? ENDS[decision]
					: "Only the one whose message led to this question may answer it.";
		const { client, logger } = this.#parts;
		client
			.ask("answerCallbackQuery", { callback_query_id: id, text })
			.catch((error) => logger.warn("question.unacknowledged", { error }));
	}

	/** Shows a part of a question, again and again until Telegram can be reached; gives its message. What is under way when the signal is aborted is waited for: its buttons have to be taken away. */
	async #show(
		to: string,
		text: string,
		signal: AbortSignal,
		keyboard?: Keyboard,
	): Promise<string> {
		const { messenger, clock } = this.#parts;
		const before = messenger.bookmark(to) ?? "";
		let triedAt: string | undefined;
		for (;;) {
			signal.throwIfAborted();
			const message = { text, ...(triedAt !== undefined && { triedAt }) };
			try {
				return await messenger.send(to, message, undefined, keyboard);
			} catch (error) {
				if (!isTransient(error)) throw error;
				if (error.code === "peer_silent") triedAt = before;
				await clock.sleep(error.retryAfterMs ?? RETRY_MS, signal);
			}
		}
	}

	/** Takes the buttons away and says what was decided. */
	async #close(
		to: string,
		{ messageId }: Question,
		text: string,
		end: End,
	): Promise<void> {
		if (messageId === undefined) return;
		const { messenger, clock, logger } = this.#parts;
		const closed = { text: `${text}\n<i>${ENDS[end]}</i>` };
		const none: Keyboard = { inline_keyboard: [] };
		for (let left = MAX_CLOSINGS; ; left--) {
			try {
				return await messenger.edit(to, messageId, closed, undefined, none);
			} catch (error) {
				if (!isTransient(error) || left === 0)
					return logger.warn("question.unclosed", { to, error });
				await clock.sleep(error.retryAfterMs ?? RETRY_MS);
			}
		}
	}
}

function buttons(id: string): Keyboard {
	const inline_keyboard = BUTTONS.map(([label, decision]) => [
		{ text: label, callback_data: `q:${id}:${decision}` },
	]);
	return { inline_keyboard };
}

function isTransient(error: unknown): error is AeonError {
	return hasCode(error, "peer_unavailable", "peer_silent");
}
