// A server's part in an update: a new version is tried before it takes anything in, and one that fails gives way to the old.

import { existsSync, statSync } from "node:fs";
import { hasBefore, keepBefore, putBackBefore } from "./app_before.ts";
import { describeError } from "./core/errors.ts";
import type { Logger } from "./core/logger.ts";
import { pause } from "./core/pause.ts";
import { platform } from "./core/platform.ts";
import { SMALL } from "./core/platform_restart.ts";
import { findServer } from "./core/presence.ts";
import { VERSION } from "./core/version.ts";
import { Supervisor } from "./service/supervisor.ts";
import type { Settings } from "./settings/schema.ts";
import { awaitVersion } from "./update/health.ts";
import {
	endUpdate,
	isUpdaterAlive,
	type Journal,
	lockUpdates,
	readJournal,
	writeJournal,
} from "./update/journal.ts";
import { putBack } from "./update/program.ts";

/** What a server does about an update. */
export interface Trial {
	/** What a person should know of an update that is over; one sentence. */
	notice?: string;
	/** Resolves with true once messages may be taken in, and with false where this process is to end instead. */
	passed?(stopping: AbortSignal, logger: Logger): Promise<boolean>;
}

/** What a server is that may be on trial. */
export interface TrialParts {
	/** The state directory, which this process has for itself. */
	state: string;
	settings: Settings;
	env: Record<string, string | undefined>;
	/** Ends this server, and begins the program anew that the update has put in its place. */
	restart(): void;
}

/** A version that never comes to answer is begun so often. */
const MAX_ATTEMPTS = 3;

/** Between two looks whether the update is over. */
const LOOK_MS = 250;

/** How long a server whose updater has gone may take to answer itself. */
const OWN_ANSWER_MS = 30_000;

/** Copying databases on a slow card may take so long before systemd hears of it. */
const COPYING_MS = 15 * 60_000;

/** Counts a start of a version on trial. Of one that is to be replaced it does not return: the old program takes its place. */
export async function countAttempt(state: string): Promise<void> {
	let journal = readJournal(state);
	if (journal?.phase === "trying" && journal.to === VERSION) {
		const attempts = journal.attempts + 1;
		const reason = `it was begun ${MAX_ATTEMPTS} times, and never came to answer`;
		journal =
			attempts > MAX_ATTEMPTS
				? { ...journal, phase: "back", reason }
				: { ...journal, attempts };
		// A disk that takes nothing is no reason not to begin.
		await writeJournal(state, journal).catch(() => {});
	}
	if (journal?.phase === "back") giveWay(journal);
}

/** What is to be done about an update before any database is opened. Throws where the databases cannot be kept or put back. */
export async function enterTrial(parts: TrialParts): Promise<Trial> {
	const { state, settings, env } = parts;
	const journal = readJournal(state);
	if (journal?.phase === "back") return goBack(state, journal);
	if (journal && journal.to !== VERSION && hasBefore(state))
		// The new one had the databases, and this one is here by another hand.
		return goBack(state, {
			...journal,
			reason: "another program was put in its place",
		});
	if (journal?.to !== VERSION) {
		// It was cut off before the new program was in its place.
		if (!isUpdaterAlive(state)) await endUpdate(state).catch(() => {});
		return {};
	}
	const supervisor = new Supervisor(env);
	supervisor.extend(COPYING_MS);
	supervisor.close();
	try {
		await keepBefore(settings, state);
	} catch (error) {
		const reason = `its databases could not be kept before: ${describeError(error)}`;
		const back: Journal = { ...journal, phase: "back", reason };
		await writeJournal(state, back).catch(() => {});
		giveWay(back);
		throw error;
	}
	return { passed: (stopping, logger) => pass(parts, stopping, logger) };
}

/** Begins the program anew that is in this one's place, with its arguments, terminal and process id. Does not return. */
export function startAnew(state: string): never {
	return become(readJournal(state)?.binary ?? process.execPath);
}

/** Has the old program take this one's place, wherever that lies by now; returns where this is it, and where it is gone. */
function giveWay({ previous, binary, to }: Journal): void {
	if (to !== VERSION) return;
	const program = existsSync(previous) ? previous : binary;
	if (existsSync(program) && !isOwn(program)) become(program);
}

async function goBack(state: string, journal: Journal): Promise<Trial> {
	const { from, to, previous, reason = "it did not answer" } = journal;
	if (to === VERSION && from !== VERSION) {
		await endUpdate(state);
		return {
			notice: `The update to Aeon ${to} could not be taken back, for ${previous} is gone: ${reason}`,
		};
	}
	await putBackBefore(state);
	const notice = `The update to Aeon ${to} was taken back: ${reason}`;
	const toDo = await settle(journal);
	if (toDo === "") await endUpdate(state);
	// The next start finds the new program there, which has to give way again.
	else await writeJournal(state, { ...journal, phase: "back", reason });
	return { notice: `${notice}${toDo}` };
}

/** Where this is the old program under its second name, it takes its place again and begins anew; where it may not, gives what a person has to do. */
async function settle({ binary, previous, to }: Journal): Promise<string> {
	if (!existsSync(previous) || !isOwn(previous)) return "";
	try {
		await putBack(binary, previous);
	} catch {
		return `. ${binary} is still Aeon ${to}: type sudo mv ${previous} ${binary}`;
	}
	// The name that it was started by is gone.
	return become(binary);
}

/** True where this very process runs that file. */
function isOwn(program: string): boolean {
	const [self = process.execPath] = platform.self().argv;
	const [one, other] = [statSync(self), statSync(program)];
	return one.ino === other.ino && one.dev === other.dev;
}

async function pass(
	{ state, restart }: TrialParts,
	stopping: AbortSignal,
	logger: Logger,
): Promise<boolean> {
	for (; !stopping.aborted; await pause(LOOK_MS)) {
		if (!readJournal(state)) return true;
		if (isUpdaterAlive(state)) continue;
		// Whoever would have confirmed it has gone; nobody may take the update up meanwhile.
		const lock = await lockUpdates(state);
		if (!lock) continue;
		try {
			const journal = readJournal(state);
			if (!journal) return true;
			if (journal.phase === "trying" && (await answersItself(state, journal))) {
				await endUpdate(state);
				logger.info("update.confirmed", { version: VERSION });
				return true;
			}
		} finally {
			lock.release();
		}
		restart();
		return false;
	}
	return false;
}

async function answersItself(
	state: string,
	journal: Journal,
): Promise<boolean> {
	try {
		await awaitVersion({
			locate: () => findServer(state),
			version: VERSION,
			timeoutMs: OWN_ANSWER_MS,
		});
		return true;
	} catch (error) {
		const reason = describeError(error);
		await writeJournal(state, { ...journal, phase: "back", reason });
		return false;
	}
}

/** Makes this process another program, which decides for itself how the engine runs. */
function become(program: string): never {
	if (!process.execve) throw new Error("this runtime has no execve");
	const env = Object.entries(process.env).filter(
		([name]) => !Object.hasOwn(SMALL, name),
	);
	return process.execve(
		program,
		[program, ...process.argv.slice(2)],
		Object.fromEntries(env),
	);
}
