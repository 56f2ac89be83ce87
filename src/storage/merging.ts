// What is stored and what is still kept in memory, as one answer.

import type { OutboxPart } from "../core/delivery.ts";
import { addUsage, NO_USAGE, type Usage } from "../core/message.ts";
import { parseSessionKey } from "../core/session.ts";
import { nameOfPart } from "./outbox_record.ts";
import { isSaid, summarise, withoutGaps } from "./record.ts";
import type {
	Session,
	SessionSummary,
	StoredMessage,
	WaitingMessage,
} from "./store.ts";
import { runsOf, type Saving, type Write } from "./writes.ts";

/** The end of a session: what is stored, and behind it what was kept when that was asked for. */
export function mergeHistory(
	stored: readonly StoredMessage[],
	kept: readonly Saving[],
	limit: number,
	before?: number,
): StoredMessage[] {
	const last = stored.at(-1)?.id ?? Number.NEGATIVE_INFINITY;
	const merged = [...stored, ...keptBehind(last, kept, before)];
	return merged.slice(Math.max(0, merged.length - Math.max(0, limit)));
}

/** The kept messages that are not among those up to an id; some were saved in the meantime. */
export function* keptBehind(
	last: number,
	kept: readonly Saving[],
	before = Number.POSITIVE_INFINITY,
): Generator<StoredMessage> {
	for (const { stored, isSaved } of kept)
		if (stored && stored.id < before && !(isSaved && stored.id <= last))
			yield stored;
}

/** A session as its kept messages have changed it. */
export function mergeSession(
	stored: Session | undefined,
	kept: readonly Saving[],
): Session | undefined {
	const [first] = kept;
	if (!first) return stored;
	const { sessionKey, timestamp } = first;
	return {
		...(stored ?? begin(sessionKey, timestamp)),
		updatedAt: kept.at(-1)?.timestamp ?? timestamp,
	};
}

/** All sessions as the kept messages have changed them, in no order. */
export function mergeSummaries(
	stored: readonly SessionSummary[],
	kept: readonly Saving[],
): SessionSummary[] {
	const summaries = new Map(stored.map((found) => [found.sessionKey, found]));
	for (const { sessionKey, message, timestamp, isSaved } of kept) {
		if (isSaved) continue;
		const summary = summaries.get(sessionKey) ?? {
			...begin(sessionKey, timestamp),
			messageCount: 0,
			lastText: "",
		};
		summaries.set(sessionKey, {
			...summary,
			updatedAt: timestamp,
			messageCount: summary.messageCount + 1,
			lastText: isSaid(message) ? summarise(message.content) : summary.lastText,
		});
	}
	return [...summaries.values()];
}

/** What waits once these writes are done on what waits in the store. */
export function mergeWaiting(
	stored: readonly WaitingMessage[],
	writes: readonly Write[],
): WaitingMessage[] {
	const waiting = new Map(stored.map((message) => [message.runId, message]));
	for (const write of writes) change(waiting, write);
	return [...waiting.values()];
}

/** The parts that are meant, once these writes are done on those of the store. */
export function mergeParts(
	stored: readonly OutboxPart[],
	writes: readonly Write[],
	isMeant: (part: OutboxPart) => boolean,
): OutboxPart[] {
	const kept = writes.flatMap((write) =>
		write.kind === "finish" ? structuredClone(write.parts) : [],
	);
	const parts = [...stored, ...kept].map(
		(part) => [nameOfPart(part), part] as const,
	);
	return [...new Map(parts).values()].filter(isMeant);
}

/** The tokens of the kept answers and summaries since a time. */
export function keptUsage(kept: readonly Saving[], since: number): Usage {
	return kept
		.filter(({ timestamp }) => timestamp >= since)
		.map(({ message }) => ("usage" in message && message.usage) || NO_USAGE)
		.reduce(addUsage, NO_USAGE);
}

function begin(sessionKey: string, timestamp: number): Session {
	const { agentId } = parseSessionKey(sessionKey);
	return { sessionKey, agentId, createdAt: timestamp, updatedAt: timestamp };
}

/** Does to the messages that wait what a write does to them in a store. */
function change(waiting: Map<string, WaitingMessage>, write: Write): void {
	for (const run of runsOf(write)) {
		const found = waiting.get(run);
		const isUntaken = found && found.takenBy === undefined;
		if (write.kind === "accept" && !found) waiting.set(run, write.waiting);
		else if (write.kind === "finish") waiting.delete(run);
		else if (write.kind === "save" && isUntaken) {
			const takenBy = write.runIds?.[0];
			const attempts = Math.max(1, found.attempts ?? 0);
			waiting.set(run, { ...found, takenBy, attempts });
		} else if (write.kind === "amend" && isUntaken) {
			const { files: _, ...rest } = found;
			waiting.set(run, { ...rest, ...withoutGaps(write.change) });
		}
	}
	if (write.kind !== "count") return;
	for (const [run, { attempts = 0, ...found }] of waiting)
		if ((found.takenBy ?? run) === write.takenBy)
			waiting.set(run, { ...found, attempts: attempts + 1 });
}
