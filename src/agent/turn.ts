import { orAborted } from "../core/abort.ts";
import type { TurnEvent, TurnEventBody, TurnResult } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import { literal, openFence } from "../core/markdown.ts";
import {
	addUsage,
	NO_USAGE,
	type SpokenMessage,
	type StopReason,
	type SummaryMessage,
	type ToolCall,
	type Usage,
} from "../core/message.ts";
import type { SessionStore } from "../storage/store.ts";
import type { Agent, ToolRun } from "./agent.ts";
import type { StoredSpoken } from "./history.ts";

/** How long a message may take to be kept once the turn is stopped; it may still be kept after that. */
const KEEP_ABORT_MS = 400;

/** What a turn is made with. */
export interface TurnParts {
	runId: string;
	agent: Agent;
	/** Another model of the agent's provider than the configured one. */
	model: string | undefined;
	sessionKey: string;
	signal: AbortSignal;
	store: SessionStore;
	logger: Logger;
	now(): number;
	approve: ToolRun["approve"];
	send: ToolRun["send"];
	onEvent(event: TurnEvent): void;
}

/** A new run's id. */
export function newRunId(): string {
	return `run-${crypto.randomUUID()}`;
}

/** One turn while it runs: what it has said and done so far, and the one place that numbers and tells its events. */
export class Turn {
	readonly runId: string;
	readonly parts: TurnParts;
	/** The session as this turn sees it: the history since the summary, then what the turn adds. */
	context: StoredSpoken[] = [];
	/** What stands for all that was said before the context. */
	summary: SummaryMessage | undefined;
	/** More was said since the summary than the context holds. */
	isCut = false;
	/** The id of the message that it answers, once that is kept. */
	beginsAt: number | undefined;
	/** Older turns were left out of a request of this turn. */
	trimmed = false;
	/** The provider refused the whole conversation: only this turn is sent, without pictures. */
	isStrict = false;
	/** Who gave the last whole answer. */
	answeredBy: { provider: string; model: string } | undefined;
	/** What the person was told of who answers in place of the agent's own model. */
	fallbackNotice: string | undefined;
	/** Further runs whose messages this turn has taken in. */
	readonly joined: string[] = [];
	#text = "";
	#isAnswered = false;
	#usage: Usage = NO_USAGE;
	#toolCalls: TurnResult["toolCalls"] = [];
	#seq = 0;

	constructor(parts: TurnParts) {
		this.parts = parts;
		this.runId = parts.runId;
	}

	/** Everything the person has seen of this turn. */
	get text(): string {
		return this.#text;
	}

	tell(body: TurnEventBody): void {
		const { sessionKey, onEvent } = this.parts;
		onEvent({ runId: this.runId, sessionKey, seq: ++this.#seq, ...body });
	}

	/** The model has said something. */
	get isAnswered(): boolean {
		return this.#isAnswered;
	}

	/** Says a piece of the answer. */
	say(text: string): void {
		if (text.trim() !== "") this.#isAnswered = true;
		this.#add(text);
	}

	/** Begins a new paragraph, where something has been said; code that has no end is ended. */
	breakParagraph(): void {
		const fence = openFence(this.#text);
		if (fence) this.#add(this.#text.endsWith("\n") ? fence : `\n${fence}`);
		if (this.#text !== "" && !this.#text.endsWith("\n\n"))
			this.#add(this.#text.endsWith("\n") ? "\n" : "\n\n");
	}

	/** Says a sentence of Aeon's own, set apart from the model's. What others wrote in it shows as it is. */
	remark(sentence: string): void {
		this.breakParagraph();
		this.#add(`[${literal(sentence)}]`);
	}

	/** Says a sentence of Aeon's own in the place of an answer. */
	sayInstead(sentence: string): void {
		this.breakParagraph();
		this.#add(literal(sentence.charAt(0).toUpperCase() + sentence.slice(1)));
	}

	#add(text: string): void {
		if (text === "") return;
		this.#text += text;
		this.tell({ type: "agent.delta", text });
	}

	/**
	 * Keeps a message: in the store first, then in the context. A stopped turn does not wait long for its store. With
	 * `runIds` it is what was accepted for these runs.
	 */
	async keep(
		message: SpokenMessage,
		runIds: readonly string[] = [],
	): Promise<void> {
		const { store, sessionKey, signal, now } = this.parts;
		const saved = store.saveMessage(
			sessionKey,
			message,
			now(),
			...(runIds.length > 0 ? [runIds] : []),
		);
		try {
			const { id, timestamp } = await orAborted(saved, signal, KEEP_ABORT_MS);
			this.context.push({ ...message, id, timestamp });
		} catch (error) {
			// The turn will say that it was stopped, and nobody that this is lost.
			if (signal.aborted) saved.catch((lost) => this.#logLost(message, lost));
			throw error;
		}
	}

	#logLost({ role }: SpokenMessage, error: unknown): void {
		const { logger, sessionKey: session } = this.parts;
		logger.warn("message.lost", { run: this.runId, session, role, error });
	}

	countUsage(usage: Usage): void {
		this.#usage = addUsage(this.#usage, usage);
	}

	countCall(call: ToolCall, success: boolean): void {
		this.#toolCalls.push({ ...call, success });
	}

	/** What the turn came to, up to now. */
	result(stopReason: StopReason, error?: TurnResult["error"]): TurnResult {
		return {
			runId: this.runId,
			...(this.joined.length > 0 && { joined: this.joined }),
			sessionKey: this.parts.sessionKey,
			text: this.#text,
			toolCalls: this.#toolCalls,
			usage: this.#usage,
			stopReason,
			...(this.answeredBy && {
				model: `${this.answeredBy.provider}/${this.answeredBy.model}`,
			}),
			...(error && { error }),
		};
	}
}
