/** Waits for work, but no longer than this once the signal is aborted: what does not hear it holds nobody up. */
export async function orAborted<T>(
	work: Promise<T>,
	signal: AbortSignal,
	graceMs = 0,
): Promise<T> {
	const { promise: aborted, reject } = Promise.withResolvers<never>();
	let timer: ReturnType<typeof setTimeout> | undefined;
	const onAbort = () => {
		timer = setTimeout(() => reject(signal.reason), graceMs);
	};
	if (signal.aborted) onAbort();
	else signal.addEventListener("abort", onAbort);
	try {
		return await Promise.race([work, aborted]);
	} finally {
		clearTimeout(timer);
		signal.removeEventListener("abort", onAbort);
	}
}
