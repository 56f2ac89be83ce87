// Questions with buttons: may this command run? Each is asked of one person, answered once, and after five minutes with no.

import type { ApprovalRequest, Decision } from "../../core/approval.ts";
import type { Clock } from "../../core/clock.ts";
import type { DeliveryReport } from "../../core/delivery.ts";
import { type AeonError, hasCode } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import {
	buttonId,
	describeRequest,
	OpenQuestions,
	UNANSWERED,
} from "../question.ts";
import type { Messenger } from "./messenger.ts";

/** Between two tries, while WhatsApp cannot be reached; and how often it is tried to say that nobody has answered. */
const RETRY_MS = 2_000;
const MAX_RETRIES = 10;

/** What stands above buttons is no longer (Cloud API, interactive reply buttons: body.text). */
const MAX_BODY_LENGTH = 1_024;

const SHORT_BODY = "May the command above run?";

/** Titles are no longer than 20 characters. */
const BUTTONS: [title: string, decision: Decision][] = [
	["Yes", "allow"],
	["Always this command", "always"],
	["No", "deny"],
];

/** A button that somebody pressed. */
export interface Pressed {
	from: string;
	/** The button's id. */
	id: string;
	/** The message that the press is. */
	wamid: string;
}

/** What the questions of one number are asked with. */
export interface QuestionParts {
	messenger: Pick<Messenger, "send" | "buttons">;
	/** Markdown as the parts that WhatsApp takes. */
	split(text: string): string[];
	clock: Clock;
	logger: Logger;
}

/** The open questions. */
export class Questions {
	readonly #parts: QuestionParts;
	readonly #open: OpenQuestions<string>;
	/** By the message with its buttons, the open questions. */
	readonly #shown = new Map<string, string>();

	constructor(parts: QuestionParts) {
		this.#parts = parts;
		this.#open = new OpenQuestions(parts.clock);
	}

	/** Asks, and gives the answer: no where none comes in five minutes, or before the signal is aborted. */
	async ask(
		to: string,
		request: ApprovalRequest,
		signal: AbortSignal,
	): Promise<Decision> {
		const { logger } = this.#parts;
		let shown: string | undefined;
		const { end, decision } = await this.#open.ask(
			to,
			async (name, until) => {
				shown = await this.#show(to, name, request, until);
				this.#shown.set(shown, name);
			},
			signal,
			(error) => logger.warn("question.unasked", { to, error }),
		);
		if (shown !== undefined) this.#shown.delete(shown);
		if (end === "expired" && shown !== undefined) void this.#tellExpired(to);
		return decision;
	}

	/** WhatsApp could not deliver a message: nobody can answer it, where it is an open question. */
	failed({ platformId, error }: DeliveryReport): void {
		const name = this.#shown.get(platformId);
		if (name === undefined) return;
		this.#parts.logger.warn("question.undelivered", { error });
		this.#open.giveUp(name);
	}

	/** A button was pressed. False where its question is closed, or is another person's. */
	async press({ from, id }: Pressed): Promise<boolean> {
		const answer = this.#open.press(id, from);
		return answer !== "closed" && answer !== "foreign";
	}

	/** Shows exactly what would run, above the buttons where there is room for it; gives the message with these. */
	async #show(
		to: string,
		name: string,
		request: ApprovalRequest,
		signal: AbortSignal,
	): Promise<string> {
		const { messenger, split } = this.#parts;
		const texts = split(describeRequest(request));
		const [whole = ""] = texts;
		const fits = texts.length === 1 && whole.length <= MAX_BODY_LENGTH;
		for (const text of fits ? [] : texts)
			await this.#persist(() => messenger.send(to, { text }, signal), signal);
		const body = fits ? whole : SHORT_BODY;
		const buttons = BUTTONS.map(([title, decision]) => ({
			id: buttonId(name, decision),
			title,
		}));
		return this.#persist(
			() => messenger.buttons(to, body, buttons, signal),
			signal,
		);
	}

	async #tellExpired(to: string): Promise<void> {
		const { messenger, logger } = this.#parts;
		const say = () => messenger.send(to, { text: UNANSWERED });
		await this.#persist(say, undefined, MAX_RETRIES).catch((error) =>
			logger.warn("question.unclosed", { to, error }),
		);
	}

	/** Does it again and again until WhatsApp can be reached. What may have arrived is sent again: a question twice is better than none. */
	async #persist(
		work: () => Promise<string>,
		signal?: AbortSignal,
		retries = Number.POSITIVE_INFINITY,
	): Promise<string> {
		for (let left = retries; ; left--) {
			signal?.throwIfAborted();
			try {
				return await work();
			} catch (error) {
				if (!isTransient(error) || left === 0) throw error;
				await this.#parts.clock.sleep(error.retryAfterMs ?? RETRY_MS, signal);
			}
		}
	}
}

function isTransient(error: unknown): error is AeonError {
	return hasCode(error, "peer_unavailable", "peer_silent");
}
