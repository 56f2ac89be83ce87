// The sessions of a server, as far as `aeon sessions` reads and tidies them.

import type {
	Session,
	SessionSummary,
	StoredMessage,
} from "../storage/store.ts";
import type { Connection } from "./connection.ts";
import { answerOf } from "./failure.ts";

/** As many as a server gives at a time. */
const PAGE = 500;

/** So many of a session's first pages are kept while the way to them is found; those behind them are asked for again. */
const KEPT_PAGES = 4;

/** What of a store can be asked through a server, with the same contract. */
export interface RemoteStore {
	getSession(sessionKey: string): Promise<Session | undefined>;
	listSessions(): Promise<SessionSummary[]>;
	/** A server gives the last messages first, so a long session is read to its beginning before the first one is given. */
	exportSession(sessionKey: string): AsyncIterable<StoredMessage>;
	deleteSession(sessionKey: string): Promise<boolean>;
	/** Ends the connection. */
	close(): Promise<void>;
}

/** The store behind a server. */
export function remoteStore(connection: Connection): RemoteStore {
	const readPage = async (sessionKey: string, before?: number) => {
		const page = await connection.request("session.history", {
			sessionKey,
			limit: PAGE,
			...(before !== undefined && { before }),
		});
		return { ...page, messages: page.messages as StoredMessage[] };
	};
	return {
		async getSession(sessionKey) {
			try {
				return (await connection.request("session.get", { sessionKey }))
					.session;
			} catch (error) {
				if (answerOf(error)?.code === "NOT_FOUND") return undefined;
				throw error;
			}
		},
		async listSessions() {
			const sessions: SessionSummary[] = [];
			let before: string | null | undefined;
			do {
				const page = await connection.request("session.list", {
					limit: PAGE,
					...(before && { before }),
				});
				sessions.push(...page.sessions);
				before = page.cursor;
			} while (before !== null);
			return sessions;
		},
		async *exportSession(sessionKey) {
			const pages: { before?: number; messages?: StoredMessage[] }[] = [];
			for (let next: number | null | undefined; next !== null; ) {
				const { messages, cursor } = await readPage(sessionKey, next);
				// What is said meanwhile must not move a page that is asked for again.
				const before = next ?? (messages.at(-1)?.id ?? 0) + 1;
				pages.push({ before, messages });
				delete pages.at(-1 - KEPT_PAGES)?.messages;
				next = cursor;
			}
			for (const { before, messages } of pages.reverse())
				yield* messages ?? (await readPage(sessionKey, before)).messages;
		},
		async deleteSession(sessionKey) {
			return (await connection.request("session.delete", { sessionKey }))
				.deleted;
		},
		async close() {
			connection.close();
		},
	};
}
