import type { Clock } from "../../src/core/clock.ts";

/** How long real sockets get, after each sleep that ends, to do what follows from it. */
const REAL_PAUSE_MS = 5;

/** How long the clock waits at most for what a test says is still under way. */
const MAX_PAUSE_MS = 2_000;

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
	/** Moves the time on; sleeps end in their order, and what each one sets off gets to real sockets before the next. */
	advance(ms: number): Promise<void>;
	/** Moves the time on, from sleep to sleep, until it is true; throws where it is not so after `limitMs` of fake time. */
	advanceUntil(isTrue: () => boolean, limitMs: number): Promise<void>;
	/** How many sleep. */
	sleeping(): number;
}

interface Sleeper {
	due: number;
	wake: () => void;
}

/** A clock of a test's own, which begins at `start`. It stands still until `isQuiet`: until real sockets have nothing to do. */
export function fakeClock(
	start = Date.UTC(2026, 0, 1),
	isQuiet = () => true,
): FakeClock {
	let now = start;
	const sleepers = new Set<Sleeper>();

	const advance = async (ms: number) => {
		const target = now + ms;
		await realPause(isQuiet);
		for (;;) {
			const next = [...sleepers]
				.sort((a, b) => a.due - b.due)
				.find(({ due }) => due <= target);
			if (!next) break;
			now = Math.max(now, next.due);
			sleepers.delete(next);
			next.wake();
			await realPause(isQuiet);
		}
		now = target;
	};

	return {
		now: () => now,
		sleep: (delayMs, signal) =>
			new Promise((resolve, reject) => {
				if (signal?.aborted) return reject(signal.reason);
				const stop = () => {
					sleepers.delete(sleeper);
					reject(signal?.reason);
				};
				const sleeper = {
					due: now + delayMs,
					wake: () => {
						signal?.removeEventListener("abort", stop);
						resolve();
					},
				};
				sleepers.add(sleeper);
				signal?.addEventListener("abort", stop, { once: true });
			}),
		advance,
		async advanceUntil(isTrue, limitMs) {
			const end = now + limitMs;
			while (!isTrue()) {
				if (now >= end)
					throw new Error(`still not so after ${limitMs} ms of fake time`);
				const due = Math.min(...[...sleepers].map((one) => one.due));
				const step = Number.isFinite(due) ? due - now : 1_000;
				await advance(Math.min(Math.max(step, 0), end - now));
			}
		},
		sleeping: () => sleepers.size,
	};
}

async function realPause(isQuiet: () => boolean): Promise<void> {
	const pause = () =>
		new Promise((resolve) => setTimeout(resolve, REAL_PAUSE_MS));
	await pause();
	const end = performance.now() + MAX_PAUSE_MS;
	if (isQuiet()) return;
	while (!isQuiet() && performance.now() < end) await pause();
	await pause();
}
