// A turn's answer as its chat sees it while it is being made, and what it comes to in the end.

import type { OutboxPart } from "../core/delivery.ts";
import type { TurnEvent, TurnResult } from "../core/event.ts";
import { literal, openFence } from "../core/markdown.ts";

/** So much is waited for before the first words are shown: many answers are whole by then, and are sent once. */
const GRACE_MS = 200;

/** How much of a tool call is shown. */
const MAX_CALL_LENGTH = 80;

/** Of an answer in which nothing can be seen. */
const NO_TEXT = "The model gave no text.";

/** What the platform shows of one part. */
export interface Shown {
	/** What the platform calls it; unknown where nobody knows whether it arrived. */
	platformId?: string;
	/** Where the chat stood before a try whose outcome nobody knows. */
	triedAt?: string;
	/** What was sent last; unknown after a restart. */
	text?: string;
}

/** What is to be shown next. */
export interface Change {
	part: number;
	text: string;
}

/** Where an answer goes. */
export interface AnswerAddress {
	dialog: string;
	to: string;
	sessionKey: string;
	/** The message that it answers, as the platform calls that one; shown where `replyTo` is set. */
	reference?: string | undefined;
	replyTo?: string | undefined;
}

/** One answer. */
export class Answer {
	readonly runId: string;
	readonly address: AnswerAddress;
	/** What is there of it, part by part. */
	readonly shown: Shown[] = [];
	/** Its last words are known, or on their way into the outbox: nothing is previewed any more. */
	isOver = false;
	/** There may be something in it that is not shown. */
	isChanged = false;
	/** The platform refuses to show it: only its last words are tried. */
	isRefused = false;
	/** Resolves when what was there before a restart is known. */
	ready: Promise<void> = Promise.resolve();
	#text = "";
	#aside = "";
	#beganAt: number | undefined;

	constructor(runId: string, address: AnswerAddress) {
		this.runId = runId;
		this.address = address;
	}

	/** Takes in what was on its way before a restart. */
	restore(parts: readonly OutboxPart[]): void {
		for (const { part, platformId, triedAt } of parts)
			this.shown[part] ??= {
				...(platformId !== undefined && { platformId }),
				...(platformId === undefined && triedAt !== undefined && { triedAt }),
			};
	}

	/** Takes in what the turn tells; true where there may be something new to show. */
	tell(event: TurnEvent, now: number): boolean {
		switch (event.type) {
			case "agent.delta":
				this.#text += event.text;
				this.#aside = "";
				break;
			case "agent.tool_call":
				this.#aside = describeCall(event.name, event.input);
				break;
			case "agent.done":
			case "agent.error":
				this.isOver = true;
				return false;
			default:
				return false;
		}
		this.#beganAt ??= now;
		this.isChanged = true;
		return true;
	}

	/** When the first words may be shown. */
	get ripeAt(): number {
		return (this.#beganAt ?? Number.POSITIVE_INFINITY) + GRACE_MS;
	}

	/** The first part that is not shown as it is now. */
	change(split: (text: string) => string[]): Change | undefined {
		const change = this.#change(split);
		if (!change) this.isChanged = false;
		return change;
	}

	#change(split: (text: string) => string[]): Change | undefined {
		if (this.isOver || this.isRefused) return undefined;
		const texts = this.#texts(split);
		const part = texts.findIndex(
			(text, index) => this.shown[index]?.text !== text,
		);
		const text = texts[part];
		if (text === undefined) return undefined;
		// What comes behind a message of which nobody knows whether it arrived would stand before it, if that has to be sent again.
		const isCertain = !this.shown.slice(0, part + 1).some(isUncertain);
		return isCertain ? { part, text } : undefined;
	}

	/** What is there to be shown; a tool call only where it needs no message of its own, which would vanish again. */
	#texts(split: (text: string) => string[]): string[] {
		const parts = split(this.#text);
		if (!this.#aside) return parts;
		const fence = openFence(this.#text);
		const said = fence ? `${this.#text}\n${fence}` : this.#text;
		const all = split(`${said}\n\n_${this.#aside}_`);
		return all.length <= Math.max(parts.length, 1) ? all : parts;
	}

	/** The parts that the answer comes to: what is there already is edited, and taken away where it is too much. */
	parts(
		result: TurnResult,
		split: (text: string) => string[],
		now: number,
	): OutboxPart[] {
		const { dialog, to, sessionKey, replyTo } = this.address;
		const said = split(outcomeText(result));
		const texts = said.length > 0 ? said : split(NO_TEXT);
		const count = Math.max(texts.length, this.shown.length);
		return Array.from({ length: count }, (_, part) => {
			const text = texts[part] ?? "";
			const { platformId, triedAt, text: last } = this.shown[part] ?? {};
			const isThere = platformId !== undefined && last === text;
			return {
				deliveryId: this.runId,
				part,
				dialog,
				to,
				sessionKey,
				content: { text, ...(part === 0 && replyTo && { replyTo }) },
				state: isThere ? ("sent" as const) : ("pending" as const),
				...(platformId !== undefined && { platformId }),
				...(triedAt !== undefined && { triedAt }),
				attempts: 0,
				createdAt: now,
				...(!isThere && { dueAt: now }),
			};
		});
	}
}

/** What a person is told of how a turn ended: all that was said, else why nothing was. */
function outcomeText({ text, error }: TurnResult): string {
	if (text.trim() !== "") return text;
	const { message } = error ?? { message: NO_TEXT };
	return literal(message.charAt(0).toUpperCase() + message.slice(1));
}

/** A preview that may or may not have arrived is left alone until the end. */
function isUncertain(shown: Shown | undefined): boolean {
	return shown?.platformId === undefined && shown?.triedAt !== undefined;
}

/** A tool call as one quiet line, in characters that mean nothing in Markdown. */
function describeCall(name: string, input: Record<string, unknown>): string {
	const values = Object.values(input).filter((one) => typeof one === "string");
	const line = [name, ...values].join(" ").replaceAll(/[\s`]+/g, " ");
	const characters = [...line];
	const shown =
		characters.length > MAX_CALL_LENGTH
			? `${characters.slice(0, MAX_CALL_LENGTH).join("")}…`
			: line;
	return `⚙ \`${shown}\``;
}
