import { AeonError } from "../core/errors.ts";

/** How many pieces of work may wait in one lane behind the one that runs. */
const MAX_WAITING = 20;

interface Entry {
	id: string;
	/** What the work is about, for whoever may take it over. */
	subject: unknown;
	run(signal: AbortSignal): Promise<void>;
	result: Promise<unknown>;
	/** Ends it with what other work gives. */
	follow(other: Promise<unknown>): void;
	controller: AbortController;
	/** The ids of the work that it has taken over. */
	joined: string[];
}

/** How work stands in its lane. */
export interface Place {
	/** What `cancelOne` knows it by. */
	id?: string;
	/** What it is about: `join` asks it whether it may be taken over. */
	subject?: unknown;
}

interface Lane {
	/** The one that runs, then those that wait. */
	entries: Entry[];
	drained: Promise<void>;
}

/**
 * One queue a session: work of the same key runs one after the other in the order given, other keys beside it. A lane
 * exists only while there is work in it.
 */
export class Lanes {
	readonly #lanes = new Map<string, Lane>();

	/**
	 * Runs the work when its turn comes and gives what it gives. Work that is cancelled while it waits is still run, with
	 * a signal that is aborted already, so that it can say so. Whether there is room is asked of `admit`.
	 */
	async enqueue<T>(
		key: string,
		work: (signal: AbortSignal) => Promise<T>,
		{ id = "", subject }: Place = {},
	): Promise<T> {
		const { promise, resolve, reject } = Promise.withResolvers<T>();
		const entry: Entry = {
			id,
			subject,
			run: (signal: AbortSignal) => work(signal).then(resolve, reject),
			result: promise,
			follow: (other) => other.then((one) => resolve(one as T), reject),
			controller: new AbortController(),
			joined: [],
		};
		const lane = this.#lanes.get(key);
		if (!lane) {
			const entries = [entry];
			this.#lanes.set(key, { entries, drained: this.#drain(key, entries) });
		} else lane.entries.push(entry);
		return promise;
	}

	/**
	 * Takes the work that waits directly behind what runs by this id in a lane out of it, as far as it is wanted and as
	 * live as that: it ends with the same result. Gives what it was about.
	 */
	join(
		key: string,
		id: string,
		isWanted: (subject: unknown) => boolean,
	): unknown[] {
		const [running, ...waiting] = this.#lanes.get(key)?.entries ?? [];
		if (running?.id !== id) return [];
		const isOver = running.controller.signal.aborted;
		const end = waiting.findIndex(
			({ subject, controller }) =>
				controller.signal.aborted !== isOver || !isWanted(subject),
		);
		const taken = waiting.slice(0, end === -1 ? undefined : end);
		this.#lanes.get(key)?.entries.splice(1, taken.length);
		for (const entry of taken) {
			running.joined.push(entry.id);
			entry.follow(running.result);
		}
		return taken.map(({ subject }) => subject);
	}

	/** Throws `busy` where too much waits in a lane, with so much that is about to come. */
	admit(key: string, arriving = 0): void {
		const live = countLive(this.#lanes.get(key)?.entries ?? []);
		if (live + arriving > MAX_WAITING)
			throw new AeonError(
				"busy",
				`${MAX_WAITING} messages are waiting in this session already: wait for an answer, or send /stop.`,
			);
	}

	/** True where new work of this key has to wait. */
	isBusy(key: string): boolean {
		return this.#lanes.has(key);
	}

	/** How much runs, and how much waits behind it. */
	count(): { running: number; waiting: number } {
		const lanes = [...this.#lanes.values()];
		const entries = lanes.reduce((sum, lane) => sum + lane.entries.length, 0);
		return { running: lanes.length, waiting: entries - lanes.length };
	}

	/** Aborts what runs and what waits in a lane; false where there is nothing. */
	cancel(key: string, reason: Error): boolean {
		const lane = this.#lanes.get(key);
		for (const entry of lane?.entries ?? []) entry.controller.abort(reason);
		return lane !== undefined;
	}

	/** Aborts one piece of work by its id; what waits is run at once, so that it need not wait to say so. */
	cancelOne(id: string, reason: Error): boolean {
		// What has no id is nobody's to cancel alone.
		if (id === "") return false;
		for (const { entries } of this.#lanes.values()) {
			const at = entries.findIndex(
				(entry) => entry.id === id || entry.joined.includes(id),
			);
			const entry = entries[at];
			if (!entry) continue;
			entry.controller.abort(reason);
			if (at > 0) {
				entries.splice(at, 1);
				void entry.run(entry.controller.signal);
			}
			return true;
		}
		return false;
	}

	/** Aborts everything that runs and waits, in every lane, each for the reason that its subject has. */
	cancelAll(reasonOf: (subject: unknown) => Error): void {
		for (const { entries } of this.#lanes.values())
			for (const { controller, subject } of entries)
				controller.abort(reasonOf(subject));
	}

	/** Aborts everything that waits, and runs it at once, so that it need not wait to say so; what runs goes on. */
	cancelWaiting(reason: Error): void {
		for (const { entries } of this.#lanes.values())
			for (const { controller, run } of entries.splice(1)) {
				controller.abort(reason);
				void run(controller.signal);
			}
	}

	/** Resolves when what is in the lanes now has ended. */
	async idle(): Promise<void> {
		await Promise.all([...this.#lanes.values()].map((lane) => lane.drained));
	}

	async #drain(key: string, entries: Entry[]): Promise<void> {
		for (let entry = entries[0]; entry; entry = entries[0]) {
			await entry.run(entry.controller.signal);
			entries.shift();
		}
		this.#lanes.delete(key);
	}
}

/** How many entries have not been cancelled. */
function countLive(entries: Entry[]): number {
	return entries.filter((entry) => !entry.controller.signal.aborted).length;
}
