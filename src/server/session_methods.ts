// What the methods about sessions do.

import { AeonError } from "../core/errors.ts";
import { parseSessionKey } from "../core/session.ts";
import type { SessionQuery, StoredMessage } from "../storage/store.ts";
import type { Backend } from "./backend.ts";
import { invalidRequest } from "./failure.ts";
import type { Handlers } from "./methods.ts";

/** Characters of a page of messages; a single message may be longer. */
const MAX_PAGE_SIZE = 500_000;

type SessionMethods = Pick<
	Handlers,
	Extract<keyof Handlers, `session.${string}`>
>;

/** The methods about sessions. */
export function sessionMethods(backend: Promise<Backend>): SessionMethods {
	return {
		"session.list": async ({ limit, before, dialog, agent }) => {
			const { store } = await backend;
			const query: SessionQuery = {
				limit: limit + 1,
				...(before !== undefined && { before: readCursor(before) }),
				...(dialog !== undefined && { dialog }),
				...(agent !== undefined && { agentId: agent }),
			};
			const found = await store.listSessions(query);
			const sessions = found.slice(0, limit);
			const last = sessions.at(-1);
			const cursor = found.length > limit && last ? writeCursor(last) : null;
			return { ok: true, sessions, cursor };
		},

		"session.get": async ({ sessionKey }) => {
			parseSessionKey(sessionKey);
			const session = await (await backend).store.getSession(sessionKey);
			if (!session)
				throw new AeonError("not_found", `There is no session ${sessionKey}`);
			return { ok: true, session };
		},

		"session.history": async ({ sessionKey, limit, before }) => {
			parseSessionKey(sessionKey);
			const { store } = await backend;
			const found = await store.getHistory(sessionKey, limit + 1, before);
			const messages = lastPage(found.slice(-limit));
			const first = messages[0];
			const isAll = messages.length === found.length;
			const cursor = isAll || !first ? null : first.id;
			return { ok: true, sessionKey, messages, cursor };
		},

		"session.reset": async ({ sessionKey }) => {
			parseSessionKey(sessionKey);
			const archivedAs = await (await backend).runtime.reset(sessionKey);
			return { ok: true, ...(archivedAs !== undefined && { archivedAs }) };
		},

		"session.delete": async ({ sessionKey }) => {
			parseSessionKey(sessionKey);
			const deleted = await (await backend).runtime.delete(sessionKey);
			return { ok: true, deleted };
		},
	};
}

/** The last of the messages that fit on a page; one at least. */
function lastPage(messages: StoredMessage[]): StoredMessage[] {
	let size = 0;
	let start = messages.length;
	while (start > 0) {
		size += JSON.stringify(messages[start - 1]).length;
		if (size > MAX_PAGE_SIZE && start < messages.length) break;
		start--;
	}
	return messages.slice(start);
}

function writeCursor({
	updatedAt,
	sessionKey,
}: NonNullable<SessionQuery["before"]>): string {
	return `${updatedAt} ${sessionKey}`;
}

function readCursor(cursor: string): NonNullable<SessionQuery["before"]> {
	const [, updatedAt, sessionKey] = /^(\d+) (.+)$/s.exec(cursor) ?? [];
	if (updatedAt === undefined || sessionKey === undefined)
		throw invalidRequest("Parameter 'before' is no cursor of session.list");
	return { updatedAt: Number(updatedAt), sessionKey };
}
