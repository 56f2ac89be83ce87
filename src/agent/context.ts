// Step 2 of a turn, load context: the last summary, and of what was said after it the last messages.

import { orAborted } from "../core/abort.ts";
import type { SessionStore, StoredSummary } from "../storage/store.ts";
import {
	fromFirstTurn,
	isSpoken,
	lastTurns,
	type StoredSpoken,
	splitTurns,
} from "./history.ts";
import type { Turn } from "./turn.ts";

/** So many messages are read at once: others get their turn in between. */
const PAGE = 50;

/** How a session is read back from its end. */
interface Reading {
	store: SessionStore;
	sessionKey: string;
	signal: AbortSignal;
	/** Only messages with a greater id. */
	through: number;
}

/**
 * Step 2: load context: the last messages, from the beginning of a turn on. The turn before this one is always whole in
 * it, however many tools it called: it is what "go on" goes on from. `hasBegun` says that the message of this turn is
 * there already.
 */
export async function loadContext(turn: Turn, hasBegun = false): Promise<void> {
	const { store, sessionKey, agent, signal } = turn.parts;
	const limit = Math.max(1, agent.historyLimit - (hasBegun ? 0 : 1));
	const turns = hasBegun ? 2 : 1;
	const reading = { store, sessionKey, signal };
	const summary = await findSummary(turn);
	let through = summary?.through ?? 0;
	let loaded = await readLast({ ...reading, through }, limit, turns);
	// Nothing can be left only where the ids are not those of this store: what was said must not be hidden by that.
	if (summary && loaded.context.length === 0) {
		through = 0;
		loaded = await readLast({ ...reading, through }, limit, turns);
	}
	turn.summary = through > 0 ? summary : undefined;
	turn.context = loaded.context;
	turn.isCut = loaded.isCut;
}

/** What was said in a session after a message, in pages, the newest first; each page the oldest first. */
export async function* readBack(
	{ store, sessionKey, signal, through }: Reading,
	limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<{ messages: StoredSpoken[]; isLast: boolean }> {
	let before: number | undefined;
	let left = limit;
	for (;;) {
		const size = left > 0 ? Math.min(PAGE, left) : PAGE;
		const reading = store.getHistory(sessionKey, size, before);
		const page = await orAborted(reading, signal);
		before = page[0]?.id;
		left -= page.length;
		const isLast = page.length < size || (before ?? 0) <= through;
		const messages = page
			.filter(isSpoken)
			.filter((message) => message.id > through);
		yield { messages, isLast };
		if (isLast) return;
		// Reading is done at once: without this a long session would hold up everything else.
		await new Promise(setImmediate);
	}
}

/** The summary to go by; none where the store does not have it, or has one that cannot belong there. */
async function findSummary({
	parts,
}: Turn): Promise<StoredSummary | undefined> {
	const { store, sessionKey, signal, logger } = parts;
	try {
		const found = await orAborted(store.findSummary(sessionKey), signal);
		return found && isInOrder(found) ? found : undefined;
	} catch (error) {
		signal.throwIfAborted();
		// The last messages do without it.
		logger.warn("summary.unread", { session: sessionKey, error });
		return undefined;
	}
}

/** True of a summary that stands for something, and was saved after that. */
export function isInOrder({ id, through }: StoredSummary): boolean {
	return through > 0 && through < id;
}

async function readLast(
	reading: Reading,
	limit: number,
	turns: number,
): Promise<{ context: StoredSpoken[]; isCut: boolean }> {
	let found: StoredSpoken[] = [];
	let context: StoredSpoken[] = [];
	for await (const { messages, isLast } of readBack(reading, limit)) {
		found = [...messages, ...found];
		const newest = fromFirstTurn(found.slice(-limit));
		const isEnough = splitTurns(newest).length >= turns;
		context = isEnough ? newest : lastTurns(found, turns);
		const isCut = !isLast || found.length > limit;
		const isDone = splitTurns(context).length >= turns && found.length >= limit;
		if (isDone) return { context, isCut };
	}
	return { context, isCut: found.length > limit };
}
