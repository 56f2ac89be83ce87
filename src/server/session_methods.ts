// What the methods about sessions do.

import { AeonError } from "../core/errors.ts";
import { parseSessionKey } from "../core/session.ts";
import type {
	Session,
	SessionQuery,
	SessionStore,
	StoredMessage,
} from "../storage/store.ts";
import type { Backend } from "./backend.ts";
import { invalidRequest } from "./failure.ts";
import type { Handlers } from "./methods.ts";

/** Characters of a page of messages; a single message may be longer. */
const MAX_PAGE_SIZE = 500_000;

const READ_AT_ONCE = 20;

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
			const { store } = await backend;
			return { ok: true, session: await findSession(store, sessionKey) };
		},

		"session.history": async ({ sessionKey, limit, before }, client) => {
			parseSessionKey(sessionKey);
			const { store } = await backend;
			const page = await client.makeLarge(() =>
				readPage(store, sessionKey, limit, before),
			);
			return { ok: true, sessionKey, ...page };
		},

		"session.reset": async ({ sessionKey }) => {
			parseSessionKey(sessionKey);
			const { runtime, mailbox } = await backend;
			mailbox.stop(sessionKey);
			await mailbox.arrived(sessionKey);
			const archivedAs = await runtime.reset(sessionKey);
			return { ok: true, ...(archivedAs !== undefined && { archivedAs }) };
		},

		"session.compact": async ({ sessionKey }) => {
			parseSessionKey(sessionKey);
			const { store, runtime } = await backend;
			await findSession(store, sessionKey);
			const { messages, summary } = await runtime.compact(sessionKey);
			return { ok: true, messages, ...(summary !== undefined && { summary }) };
		},

		"session.delete": async ({ sessionKey }) => {
			parseSessionKey(sessionKey);
			const { runtime, mailbox } = await backend;
			mailbox.stop(sessionKey);
			await mailbox.arrived(sessionKey);
			const deleted = await runtime.delete(sessionKey);
			return { ok: true, deleted };
		},
	};
}

/** Throws `not_found` where there is no such session. */
async function findSession(
	store: SessionStore,
	sessionKey: string,
): Promise<Session> {
	const session = await store.getSession(sessionKey);
	if (!session)
		throw new AeonError("not_found", `There is no session ${sessionKey}`);
	return session;
}

/** The last messages that fit on a page, one at least, read a few at a time: they may be large. */
async function readPage(
	store: SessionStore,
	sessionKey: string,
	limit: number,
	before?: number,
): Promise<{ messages: StoredMessage[]; cursor: number | null }> {
	const newestFirst: StoredMessage[] = [];
	const page = (isAll: boolean) => ({
		messages: newestFirst.toReversed(),
		cursor: isAll ? null : (newestFirst.at(-1)?.id ?? null),
	});
	for (let size = 0; ; before = newestFirst.at(-1)?.id) {
		const count = Math.min(READ_AT_ONCE, limit + 1 - newestFirst.length);
		const found = await store.getHistory(sessionKey, count, before);
		for (const message of found.toReversed()) {
			size += JSON.stringify(message).length;
			const isFull = size > MAX_PAGE_SIZE && newestFirst.length > 0;
			if (isFull || newestFirst.length === limit) return page(false);
			newestFirst.push(message);
		}
		if (found.length < count) return page(true);
	}
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
