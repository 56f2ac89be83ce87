// Which sessions a list shows, and in what order, for stores that have no database to ask; and which are a search's.

import type { Session, SessionQuery } from "./store.ts";

/** The sessions that a query asks for, in the order of `listSessions`. */
export function select<Found extends Session>(
	sessions: readonly Found[],
	{ limit = Number.POSITIVE_INFINITY, before, ...filter }: SessionQuery,
): Found[] {
	return sessions
		.filter((session) => matches(session, filter))
		.filter((session) => !before || newestFirst(before, session) < 0)
		.sort(newestFirst)
		.slice(0, Math.max(0, limit));
}

/** True of the key under which a reset has kept what was said under another one. */
export function isArchiveOf(archive: string, key: string): boolean {
	return (
		archive.startsWith(key) && /^#\d{1,16}$/.test(archive.slice(key.length))
	);
}

function matches(
	{ agentId, sessionKey }: Session,
	query: Pick<SessionQuery, "agentId" | "dialog">,
): boolean {
	return (
		(query.agentId === undefined || query.agentId === agentId) &&
		(query.dialog === undefined || query.dialog === sessionKey.split(":", 3)[2])
	);
}

function newestFirst(
	a: Pick<Session, "updatedAt" | "sessionKey">,
	b: Pick<Session, "updatedAt" | "sessionKey">,
): number {
	return (
		b.updatedAt - a.updatedAt ||
		Number(a.sessionKey > b.sessionKey) - Number(a.sessionKey < b.sessionKey)
	);
}
