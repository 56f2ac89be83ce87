import type { Clock } from "../core/clock.ts";

/** Resolves with the work, however it ends, but after so long at the latest. */
export async function settle(
	work: Promise<unknown> | undefined,
	clock: Clock,
	limitMs: number,
): Promise<void> {
	if (!work) return;
	const over = new AbortController();
	const late = clock.sleep(limitMs, over.signal).catch(() => {});
	await Promise.race([work.catch(() => {}), late]);
	over.abort();
}
