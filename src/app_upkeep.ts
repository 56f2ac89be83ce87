// What a server does once a day beside everything else: a backup, old sessions go, and the disk gets back what they had.

import type { Aeon } from "./app.ts";
import type { DailyWiring } from "./app_daily.ts";
import { type Clock, steadyClock } from "./core/clock.ts";
import type { Logger } from "./core/logger.ts";
import { pause } from "./core/pause.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** After the start, when the clock of a machine that has none while it is off has been put right. */
const FIRST_MS = 15 * 60 * 1000;
/** A clock that has moved so much against the time that went by was set. */
const MAX_DRIFT_MS = 60 * 60 * 1000;
const FIRST_BACKUP_MS = 10 * 60 * 1000;

/** So many sessions are listed at a time. */
const PAGE = 50;

/** Does what is done once a day, until the signal; resolves when nothing is left running. Never throws. */
export async function keepUp(
	aeon: Aeon,
	wiring: DailyWiring,
	signal: AbortSignal,
): Promise<void> {
	const { logger } = wiring;
	await Promise.all([
		passDaily(aeon, { clock: steadyClock, now: Date.now, logger }, signal),
		backUpDaily(wiring, signal),
	]);
}

/** What makes backups is loaded when the first one may be made: most of the time it would lie there for nothing. */
async function backUpDaily(
	wiring: DailyWiring,
	signal: AbortSignal,
): Promise<void> {
	try {
		await steadyClock.sleep(FIRST_BACKUP_MS, signal);
	} catch {
		return; // it ends
	}
	const { keepDailyBackups } = await import("./app_daily.ts");
	await keepDailyBackups({ ...wiring, pace: { firstMs: 0 } }, signal);
}

/** What the daily pass works with. */
export interface DailyParts {
	/** For waiting. */
	clock: Clock;
	/** The time of day: milliseconds since 1970. */
	now(): number;
	logger: Logger;
}

/** Does the daily pass a quarter of an hour after the start and then once a day, until the signal. Never throws. */
export async function passDaily(
	aeon: Aeon,
	{ clock, now, logger }: DailyParts,
	signal: AbortSignal,
): Promise<void> {
	const began = { wall: now(), steady: clock.now() };
	// What was said since, by whatever clock, is never too old; a clock that was set meanwhile tells no age for a day.
	const isSteady = () => {
		const drift = now() - began.wall - (clock.now() - began.steady);
		return Math.abs(drift) < MAX_DRIFT_MS;
	};
	try {
		await clock.sleep(FIRST_MS, signal);
		for (;;) {
			const isTrusted = isSteady();
			await passOnce(aeon, isTrusted ? now() : undefined, logger, signal);
			if (!isTrusted) {
				began.wall = now();
				began.steady = clock.now();
			}
			await clock.sleep(DAY_MS, signal);
		}
	} catch (error) {
		if (!signal.aborted) logger.error("daily.ended", { error });
	}
}

/** Drops what is too old, where it is known what time it is, and tidies the store. What fails is left to the next day. */
export async function passOnce(
	aeon: Aeon,
	now: number | undefined,
	logger: Logger,
	signal: AbortSignal,
): Promise<void> {
	try {
		const dropped = now === undefined ? 0 : await dropOld(aeon, now, signal);
		if (dropped > 0) logger.info("sessions.dropped", { count: dropped });
		await aeon.store.tidy();
	} catch (error) {
		if (!signal.aborted) logger.warn("daily.failed", { error });
	}
}

/** Deletes sessions in which nothing was said for `storage.retention_days`, unless something runs or waits in them. Gives how many. */
async function dropOld(
	aeon: Aeon,
	now: number,
	signal: AbortSignal,
): Promise<number> {
	const { store, runtime } = aeon;
	const { retention_days: days } = aeon.settings().storage;
	if (days === undefined) return 0;
	const waiting = new Set(
		(await store.waitingMessages()).map(({ sessionKey }) => sessionKey),
	);
	let dropped = 0;
	let before = { updatedAt: now - days * DAY_MS, sessionKey: "" };
	for (;;) {
		const page = await store.listSessions({ before, limit: PAGE });
		for (const { sessionKey } of page) {
			signal.throwIfAborted();
			if (waiting.has(sessionKey) || runtime.isBusy(sessionKey)) continue;
			if (await runtime.delete(sessionKey)) dropped++;
			// A deletion is done at once: everybody else has a turn in between.
			await pause(0);
		}
		const last = page.at(-1);
		if (!last || page.length < PAGE) return dropped;
		before = last;
	}
}
