/** Waits for something that knows no signal. An abort rejects at once with `signal.reason`; the work itself goes on. */
export function untilAborted<T>(
	work: Promise<T>,
	signal: AbortSignal,
): Promise<T> {
	const aborted = Promise.withResolvers<never>();
	const abort = () => aborted.reject(signal.reason);
	signal.addEventListener("abort", abort, { once: true });
	if (signal.aborted) abort();
	return Promise.race([work, aborted.promise]).finally(() =>
		signal.removeEventListener("abort", abort),
	);
}
