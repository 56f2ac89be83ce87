// What is stored and what is still kept in memory, as one answer.

import { addUsage, NO_USAGE, type Usage } from "../core/message.ts";
import { parseSessionKey } from "../core/session.ts";
import { summarise } from "./record.ts";
import type {
	Session,
	SessionSummary,
	StoredMessage,
	WaitingMessage,
} from "./store.ts";
import type { Saving, Write } from "./unsaved.ts";

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
		const isSaid = message.role !== "tool" && message.content !== "";
		summaries.set(sessionKey, {
			...summary,
			updatedAt: timestamp,
			messageCount: summary.messageCount + 1,
			lastText: isSaid ? summarise(message.content) : summary.lastText,
		});
	}
	return [...summaries.values()];
}

/** What waits once these writes are done on what waits in the store. */
export function mergeWaiting(
	stored: readonly WaitingMessage[],
	writes: readonly Write[],
): WaitingMessage[] {
	const known = new Set(stored.map(({ runId }) => runId));
	const added = writes
		.filter((write) => write.kind === "accept")
		.map(({ waiting }) => waiting)
		.filter(({ runId }) => !known.has(runId));
	const gone = new Set(
		writes.filter((write) => write.kind !== "accept").map(({ runId }) => runId),
	);
	return [...stored, ...added].filter(({ runId }) => !gone.has(runId));
}

/** The tokens of the kept answers since a time. */
export function keptUsage(kept: readonly Saving[], since: number): Usage {
	return kept
		.filter(({ timestamp }) => timestamp >= since)
		.map(({ message }) => message)
		.filter((message) => message.role === "assistant")
		.map(({ usage = NO_USAGE }) => usage)
		.reduce(addUsage, NO_USAGE);
}

function begin(sessionKey: string, timestamp: number): Session {
	const { agentId } = parseSessionKey(sessionKey);
	return { sessionKey, agentId, createdAt: timestamp, updatedAt: timestamp };
}
