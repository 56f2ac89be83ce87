/** Time, for what waits: a real one, or a test's own. */
export interface Clock {
	/** Milliseconds since 1970. */
	now(): number;
	/** Resolves after so long; rejects with `signal.reason` as soon as that is aborted. Keeps no process alive. */
	sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** The system's time. */
export const systemClock: Clock = {
	now: Date.now,
	sleep: (delayMs, signal) =>
		new Promise((resolve, reject) => {
			if (signal?.aborted) return reject(signal.reason);
			const onAbort = () => {
				clearTimeout(timer);
				reject(signal?.reason);
			};
			const timer = setTimeout(() => {
				signal?.removeEventListener("abort", onAbort);
				resolve();
			}, delayMs);
			timer.unref();
			signal?.addEventListener("abort", onAbort, { once: true });
		}),
};
