// Questions with buttons: may this command run? Each is asked of one person, answered once, and after five minutes with no.

import type { CallbackQuery } from "grammy/types";
import type { ApprovalRequest, Decision } from "../../core/approval.ts";
import type { Clock } from "../../core/clock.ts";
import { type AeonError, hasCode } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import {
	buttonId,
	CLOSED,
	describeRequest,
	type End,
	OpenQuestions,
	questionOf,
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

const REFUSALS = {
	closed: CLOSED,
	foreign: "Only the one whose message led to this question may answer it.",
};

/** What the questions of one bot are asked with. */
export interface QuestionParts {
	client: BotClient;
	messenger: Messenger;
	clock: Clock;
	logger: Logger;
}

/** The open questions. */
export class Questions {
	readonly #parts: QuestionParts;
	readonly #open: OpenQuestions<number>;
	/** By question, the message with the buttons, once it is known. */
	readonly #messages = new Map<string, string>();

	constructor(parts: QuestionParts) {
		this.#parts = parts;
		this.#open = new OpenQuestions(parts.clock);
	}

	/** Asks, and gives the answer: no where none comes in five minutes, or before the signal is aborted. */
	async ask(
		to: string,
		userId: number,
		request: ApprovalRequest,
		signal: AbortSignal,
	): Promise<Decision> {
		const texts = renderParts(describeRequest(request));
		const text = texts.pop() ?? "";
		let name = "";
		const { end, decision, shown } = await this.#open.ask(
			userId,
			async (given, until) => {
				name = given;
				for (const one of texts) await this.#show(to, one, until);
				const id = await this.#show(to, text, until, buttons(name));
				this.#messages.set(name, id);
			},
			signal,
			(error) => this.#parts.logger.warn("question.unasked", { to, error }),
		);
		void shown.then(() => this.#close(to, name, text, end));
		return decision;
	}

	/** A button was pressed. Nothing waits until Telegram has heard that it was seen. */
	async press({ id, data = "", from, message }: CallbackQuery): Promise<void> {
		const answer = this.#open.press(data, from.id);
		const name = questionOf(data);
		const isTaken = answer !== "closed" && answer !== "foreign";
		if (isTaken && message && name !== undefined)
			this.#messages.set(name, String(message.message_id));
		const { client, logger } = this.#parts;
		client
			.ask("answerCallbackQuery", {
				callback_query_id: id,
				text: isTaken ? ENDS[answer] : REFUSALS[answer],
			})
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
		name: string,
		text: string,
		end: End,
	): Promise<void> {
		const messageId = this.#messages.get(name);
		this.#messages.delete(name);
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

function buttons(name: string): Keyboard {
	const inline_keyboard = BUTTONS.map(([label, decision]) => [
		{ text: label, callback_data: buttonId(name, decision) },
	]);
	return { inline_keyboard };
}

function isTransient(error: unknown): error is AeonError {
	return hasCode(error, "peer_unavailable", "peer_silent");
}
