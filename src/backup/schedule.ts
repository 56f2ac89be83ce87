// A backup a day, for as long as a server runs: made by a process of its own, so that nobody waits for it.

import type { Clock } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Child } from "../core/platform.ts";
import { dueSince, isChanged, isDailyName, listDaily } from "./daily.ts";
import { removeUnfinished } from "./unfinished.ts";

/** What the settings in force say of it. */
export interface DailySettings {
	/** The folder of the backups. */
	directory: string;
	/** How many are kept; 0 for none at all. */
	keep: number;
	/** Files and folders whose change makes another backup worth while. */
	watched: readonly string[];
}

/** What a backup a day is made with. */
export interface ScheduleParts {
	/** For waiting. */
	clock: Clock;
	/** The time of day: milliseconds since 1970. */
	now(): number;
	logger: Logger;
	settings(): DailySettings;
	/** Starts the process that makes one backup and removes those that are too many. */
	start(): Child;
	/** Between two looks. */
	pauseMs?: number;
	/** Until the first one. */
	firstMs?: number;
}

const DAY_MS = 24 * 60 * 60_000;

/** After the start, when the clock of a machine that has none while it is off has been put right. */
const FIRST_MS = 10 * 60_000;
const PAUSE_MS = 60 * 60_000;

/** How long a backup may take. */
const DEADLINE_MS = 30 * 60_000;

/** What is kept of what the process says. */
const MAX_SAID = 1_000;

/**
 * Looks every hour whether a backup is due, and has it made, until the signal. Resolves when the process that makes one has
 * been ended and has left nothing behind. Never throws.
 */
export async function backUpDaily(
	parts: ScheduleParts,
	signal: AbortSignal,
): Promise<void> {
	const { clock, now, logger, pauseMs = PAUSE_MS, firstMs = FIRST_MS } = parts;
	let failingSince: number | undefined;
	let isTold = false;
	try {
		await clock.sleep(firstMs, signal);
		for (;;) {
			try {
				if (await isDue(parts)) {
					const said = await makeOne(parts, signal);
					failingSince = undefined;
					isTold = false;
					logger.info("backup.made", { said });
				}
			} catch (error) {
				signal.throwIfAborted();
				const problem = describeError(error);
				logger.warn("backup.failed", { problem });
				failingSince ??= now();
				if (!isTold && now() - failingSince >= DAY_MS) {
					isTold = true;
					logger.error("backup.missing", {
						since: new Date(failingSince).toISOString(),
						problem,
					});
				}
			}
			await clock.sleep(pauseMs, signal);
		}
	} catch (error) {
		if (!signal.aborted) logger.error("backup.ended", { error });
	}
}

async function isDue({ settings, now }: ScheduleParts): Promise<boolean> {
	const { directory, keep, watched } = settings();
	if (keep === 0) return false;
	const since = dueSince(listDaily(directory), now());
	return since !== undefined && (since === 0 || isChanged(watched, since));
}

/** Gives what the process said. Throws with that where it failed. */
async function makeOne(
	{ settings, start, clock }: ScheduleParts,
	signal: AbortSignal,
): Promise<string> {
	const { directory } = settings();
	signal.throwIfAborted();
	const over = new AbortController();
	const child = start();
	const kill = () => child.signalGroup("SIGKILL");
	signal.addEventListener("abort", kill);
	let isLate = false;
	const deadline = clock.sleep(DEADLINE_MS, over.signal).then(
		() => {
			isLate = true;
			kill();
		},
		() => {},
	);
	try {
		const [code, said, complaint] = await Promise.all([
			child.exited,
			tail(child.stdout),
			tail(child.stderr),
		]);
		if (code === 0) return said.trim();
		signal.throwIfAborted();
		if (isLate)
			throw new Error(
				`the backup took longer than ${DEADLINE_MS / 60_000} minutes and was stopped`,
			);
		throw new Error(
			complaint.trim().replace(/^aeon: /, "") || `it ended with ${code}`,
		);
	} finally {
		signal.removeEventListener("abort", kill);
		over.abort();
		await deadline;
		// What it has not finished is of no use; whole ones have their names by then.
		await removeUnfinished(directory, isDailyName).catch(() => {});
	}
}

/** The last that was said. */
async function tail(stream: ReadableStream<Uint8Array>): Promise<string> {
	const decoder = new TextDecoder();
	let said = "";
	for await (const piece of stream)
		said = (said + decoder.decode(piece, { stream: true })).slice(-MAX_SAID);
	return said;
}
