// Work that takes long, and how it is ended.

/** How long the event loop is kept, in milliseconds; a timer that is due may wait for two of them. */
const SLICE_MS = 5;

/** Work that is done a little at a time, so that everything else goes on meanwhile. */
export class Slices {
	readonly #signal: AbortSignal | undefined;
	#since = performance.now();

	constructor(signal?: AbortSignal) {
		this.#signal = signal;
	}

	/**
	 * Between two pieces of the work: lets everything else have its turn where it is time for that. Throws where the work was
	 * stopped.
	 */
	async next(): Promise<void> {
		if (performance.now() - this.#since < SLICE_MS) return;
		await new Promise((resolve) => setImmediate(resolve));
		this.#since = performance.now();
		if (this.#signal) throwIfStopped(this.#signal);
	}
}

/** Throws the signal's reason where it is aborted because somebody stopped it, and not because it took too long. */
export function throwIfStopped(signal: AbortSignal): void {
	if (signal.aborted && !isTimeout(signal.reason)) throw signal.reason;
}

function isTimeout(reason: unknown): boolean {
	return reason instanceof Error && reason.name === "TimeoutError";
}
