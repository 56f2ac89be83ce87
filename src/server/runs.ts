// The runs that are still known: their events, so that a client that was away can be told what it missed.

import type { WireEvent } from "./events.ts";
import { OutgoingEvent } from "./outgoing.ts";

/** Of all runs that have ended: how many, for how long, and with how much text. */
const KEPT_RUNS = 100;
const KEPT_MS = 5 * 60_000;
const KEPT_TEXT = 1_000_000;

/** How many messages that answer nobody are kept. */
const KEPT_SENT = 50;

/** What an event takes beside its text. */
const EVENT_SIZE = 300;

/** Of one run: with more text, its oldest pieces are given up. Its end brings them all again. */
const RUN_TEXT = 1_000_000;

/** Where a client was when it lost its connection: at an event, or within each run at a `seq`. */
export type Position = string | Record<string, number>;

interface Run {
	events: OutgoingEvent[];
	/** Roughly, in characters. */
	size: number;
	endedAt?: number;
}

/** Numbers events, and keeps those of runs. */
export class RunBook {
	readonly #runs = new Map<string, Run>();
	readonly #now: () => number;
	/** Ids of another process's events are not to be mistaken for this one's. */
	readonly #epoch: string;
	/** What was sent unasked, which a client that was away may want to know as well. */
	readonly #sent: OutgoingEvent[] = [];
	#count = 0;

	constructor(now: () => number = Date.now) {
		this.#now = now;
		this.#epoch = now().toString(36);
	}

	/** An event with its id, kept where it is one of a run. */
	record(event: WireEvent): OutgoingEvent {
		const outgoing = new OutgoingEvent(this.#epoch, ++this.#count, event);
		if (event.event.startsWith("agent.") && "runId" in event.data)
			this.#keep(event.data.runId, outgoing);
		if (event.event === "message.outbound") this.#keepSent(outgoing);
		return outgoing;
	}

	/** What came after a position, in order; everything known where the position is of another process. */
	after(position: Position): OutgoingEvent[] {
		const all = [...this.#runs.values()].flatMap(({ events }) => events);
		const inOrder = [...all, ...this.#sent].sort((a, b) => a.number - b.number);
		if (typeof position === "string") {
			const isOurs = position.startsWith(`evt-${this.#epoch}-`);
			const last = isOurs ? numberOf(position) : 0;
			return inOrder.filter(({ number }) => number > last);
		}
		return inOrder.filter(({ data }) => {
			if (!("runId" in data && "seq" in data)) return false;
			const seen = Object.hasOwn(position, data.runId)
				? position[data.runId]
				: undefined;
			return seen !== undefined && data.seq > seen;
		});
	}

	#keep(runId: string, event: OutgoingEvent): void {
		let run = this.#runs.get(runId);
		if (!run) {
			run = { events: [], size: 0 };
			this.#runs.set(runId, run);
		}
		run.events.push(event);
		run.size += sizeOf(event);
		while (run.size > RUN_TEXT && run.events.length > 1)
			run.size -= sizeOf(run.events.shift());
		if (event.event !== "agent.done" && event.event !== "agent.error") return;
		run.endedAt = this.#now();
		// The order of runs is that of their ends from here on.
		this.#runs.delete(runId);
		this.#runs.set(runId, run);
		this.#forget();
	}

	#keepSent(event: OutgoingEvent): void {
		this.#sent.push(event);
		const size = () => this.#sent.reduce((sum, one) => sum + sizeOf(one), 0);
		while (this.#sent.length > KEPT_SENT || size() > KEPT_TEXT)
			this.#sent.shift();
	}

	#forget(): void {
		let count = 0;
		let size = 0;
		for (const run of this.#runs.values()) {
			if (run.endedAt === undefined) continue;
			count++;
			size += run.size;
		}
		const now = this.#now();
		for (const [runId, run] of this.#runs) {
			if (run.endedAt === undefined) continue;
			const isOld = now - run.endedAt > KEPT_MS;
			if (!isOld && count <= KEPT_RUNS && size <= KEPT_TEXT) return;
			this.#runs.delete(runId);
			count--;
			size -= run.size;
		}
	}
}

function numberOf(id: string): number {
	return Number(id.slice(id.lastIndexOf("-") + 1)) || 0;
}

function sizeOf(event: OutgoingEvent | undefined): number {
	if (!event) return 0;
	switch (event.event) {
		case "agent.start":
			return EVENT_SIZE;
		case "agent.tool_call": {
			const { input } = event.data as { input?: object };
			return EVENT_SIZE + JSON.stringify(input ?? {}).length;
		}
		default: {
			const { text = "", output = "" } = event.data as {
				text?: string;
				output?: string;
			};
			return EVENT_SIZE + text.length + output.length;
		}
	}
}
