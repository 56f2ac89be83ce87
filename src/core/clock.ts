/** Time, for what waits: a real one, or a test's own. */
export interface Clock {
	/** Milliseconds since 1970. */
	now(): number;
	/** Resolves after so long; rejects with `signal.reason` as soon as that is aborted. Keeps no process alive. */
	sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/**
 * The time as it was when the process began, and what has gone by since: for waiting. A clock that is put right meanwhile,
 * as on a machine that has none while it is off, changes nothing in it.
 */
export const steadyClock: Clock = {
	now: () => performance.timeOrigin + performance.now(),
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
