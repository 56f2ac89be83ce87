import type { TurnEvent, TurnResult } from "../core/event.ts";
import { NO_USAGE, type ToolCall } from "../core/message.ts";
import type { WireEvent } from "../server/events.ts";

/** What a server tells of a turn. */
export type RunEvent = Extract<WireEvent, { event: `agent.${string}` }>;

const ANEW = "The server was restarted; this is the whole answer";

/** One turn that runs elsewhere: shows each of its events once and in order, however they arrive, once it is opened. */
export class Run {
	readonly runId: string;
	readonly sessionKey: string;
	/** Resolves when it is opened. */
	readonly opened: Promise<void>;
	/** Resolves when everything up to the end that the server told of has been shown. */
	readonly whole: Promise<void>;
	readonly #show: (event: TurnEvent) => void;
	/** What came before its time. */
	readonly #early = new Map<number, RunEvent>();
	readonly #calls = new Map<string, ToolCall>();
	#toolCalls: TurnResult["toolCalls"] = [];
	#text = "";
	#seq = 0;
	/** The number of the end, once the server has told of it. */
	#last: number | undefined;
	#becomeOpen: () => void;
	#becomeWhole: () => void;
	/** Where a gap was told of already. */
	#gap = -1;
	#isOpen = false;
	#isOver = false;
	/** The server was restarted and began the turn again: what it says now does not go on from what was shown. */
	#isAnew = false;
	#attempt: number | undefined;

	constructor(
		{ runId, sessionKey }: { runId: string; sessionKey: string },
		show: (event: TurnEvent) => void,
	) {
		this.runId = runId;
		this.sessionKey = sessionKey;
		this.#show = show;
		const opening = Promise.withResolvers<void>();
		const ending = Promise.withResolvers<void>();
		this.opened = opening.promise;
		this.whole = ending.promise;
		this.#becomeOpen = opening.resolve;
		this.#becomeWhole = ending.resolve;
	}

	/** The number of the last event that was shown. */
	get seq(): number {
		return this.#seq;
	}

	/** Takes an event. True where one before it is missing and nobody was told of that yet. */
	take(event: RunEvent): boolean {
		const { seq } = event.data;
		if (event.event === "agent.start" && this.#seq > 0)
			this.#isAnew ||= event.data.attempt !== this.#attempt;
		if (this.#isOver || this.#isAnew || seq <= this.#seq) return false;
		// How it ended comes with the whole result.
		if (event.event === "agent.done" || event.event === "agent.error")
			this.#last = seq;
		else this.#early.set(seq, event);
		return this.#isOpen && this.#showNext();
	}

	/** Shows what came so far, and from now on what comes; the turn before it has ended. True as with `take`. */
	open(): boolean {
		if (this.#isOpen) return false;
		this.#isOpen = true;
		this.#becomeOpen();
		return this.#showNext();
	}

	/** Shows what is missing of the whole text, then the end. */
	end(result: TurnResult): void {
		this.#isOver = true;
		const { runId, sessionKey } = this;
		const tell = (body: { type: "agent.start" } | { text: string } | object) =>
			this.#show({
				runId,
				sessionKey,
				seq: ++this.#seq,
				...body,
			} as TurnEvent);
		if (this.#seq === 0) tell({ type: "agent.start" });
		const rest =
			result.text.startsWith(this.#text) && !this.#isAnew
				? result.text.slice(this.#text.length)
				: `\n\n[${ANEW}]\n\n${result.text}`;
		if (rest !== "") tell({ type: "agent.delta", text: rest });
		tell({ type: result.error ? "agent.error" : "agent.done", result });
	}

	/** What the turn came to where its server does not know it any more. */
	lost(): TurnResult {
		this.#becomeWhole();
		const message = `The server was restarted while it answered, and the rest of the answer is lost: say it again.`;
		return {
			runId: this.runId,
			sessionKey: this.sessionKey,
			text: this.#text && `${this.#text}\n\n[${message}]`,
			toolCalls: this.#toolCalls,
			usage: NO_USAGE,
			stopReason: "cut",
			error: { code: "llm_unavailable", message },
		};
	}

	/** Shows what is next as far as it is there; true where something is missing that nobody was told of. */
	#showNext(): boolean {
		for (;;) {
			const next = this.#early.get(this.#seq + 1);
			if (!next) break;
			this.#early.delete(next.data.seq);
			this.#seq = next.data.seq;
			this.#tell(next);
		}
		if (this.#seq + 1 === this.#last) this.#becomeWhole();
		else if (this.#last || this.#early.size > 0) return this.#isNewGap();
		return false;
	}

	#isNewGap(): boolean {
		const isNew = this.#gap !== this.#seq;
		this.#gap = this.#seq;
		return isNew;
	}

	#tell({ event, data }: RunEvent): void {
		switch (event) {
			case "agent.start":
				this.#attempt = data.attempt;
				break;
			case "agent.delta":
				this.#text += data.text;
				break;
			case "agent.tool_call": {
				const { callId: id, name, input } = data;
				this.#calls.set(id, { id, name, input });
				break;
			}
			case "agent.tool_result": {
				const call = this.#calls.get(data.callId);
				if (call) this.#toolCalls.push({ ...call, success: data.success });
				break;
			}
		}
		this.#show({ type: event, ...data } as TurnEvent);
	}
}
