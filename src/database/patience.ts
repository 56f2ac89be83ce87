// Waiting for a database that another program keeps locked, while everything else goes on.

import { pause } from "../core/pause.ts";

const PATIENCE_MS = 5_000;

/** Between two tries: longer than the busy_timeout, for which a try may block the event loop. */
const PAUSE_MS = 100;

/** Tries work on one database again as long as it is locked, for a while; then the lock's error is thrown. */
export class Patience {
	readonly #patienceMs: number;
	#isOver = false;
	#last: Promise<unknown> = Promise.resolve();

	/** `patienceMs` is how long work is tried, from when it was given. */
	constructor(patienceMs = PATIENCE_MS) {
		this.#patienceMs = patienceMs;
	}

	/** Does the work at once where nothing is locked. */
	async patiently<T>(work: () => T, since = performance.now()): Promise<T> {
		for (;;) {
			try {
				return work();
			} catch (error) {
				const isLate = performance.now() - since >= this.#patienceMs;
				if (this.#isOver || isLate || !isLocked(error)) throw error;
			}
			await pause(PAUSE_MS);
		}
	}

	/** The same for writing: the work begins when all that was given before it has ended, well or not. */
	inOrder<T>(work: () => T): Promise<T> {
		const since = performance.now();
		const result = this.#last.then(() => this.patiently(work, since));
		// Many that fail in a row must not block the event loop one right after the other.
		this.#last = result.then(undefined, () =>
			this.#isOver ? undefined : pause(PAUSE_MS),
		);
		return result;
	}

	/** From now on everything is tried once only, also what waits already. */
	end(): void {
		this.#isOver = true;
	}
}

function isLocked(error: unknown): boolean {
	return (
		error instanceof Error &&
		"code" in error &&
		/^SQLITE_(BUSY|LOCKED)/.test(String(error.code))
	);
}
