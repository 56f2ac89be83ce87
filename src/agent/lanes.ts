import { AeonError } from "../core/errors.ts";

/** How many pieces of work may wait in one lane behind the one that runs. */
const MAX_WAITING = 20;

interface Entry {
	run(signal: AbortSignal): Promise<void>;
	controller: AbortController;
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
	 * a signal that is aborted already, so that it can say so. Rejects with `busy` where too much waits.
	 */
	async enqueue<T>(
		key: string,
		work: (signal: AbortSignal) => Promise<T>,
	): Promise<T> {
		const { promise, resolve, reject } = Promise.withResolvers<T>();
		const entry = {
			run: (signal: AbortSignal) => work(signal).then(resolve, reject),
			controller: new AbortController(),
		};
		const lane = this.#lanes.get(key);
		if (!lane) {
			const entries = [entry];
			this.#lanes.set(key, { entries, drained: this.#drain(key, entries) });
		} else if (countLive(lane.entries) > MAX_WAITING)
			throw new AeonError(
				"busy",
				`${MAX_WAITING} messages are waiting in this session already: wait for an answer, or send /stop.`,
			);
		else lane.entries.push(entry);
		return promise;
	}

	/** Aborts what runs and what waits in a lane; false where there is nothing. */
	cancel(key: string, reason: Error): boolean {
		const lane = this.#lanes.get(key);
		for (const entry of lane?.entries ?? []) entry.controller.abort(reason);
		return lane !== undefined;
	}

	/** Aborts everything in every lane. */
	cancelAll(reason: Error): void {
		for (const key of this.#lanes.keys()) this.cancel(key, reason);
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
