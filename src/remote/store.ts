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

/** What of a store can be asked through a server, with the same contract. */
export interface RemoteStore {
	getSession(sessionKey: string): Promise<Session | undefined>;
	listSessions(): Promise<SessionSummary[]>;
	/** All of it is read before the first message is given: a server gives the last ones first. */
	exportSession(sessionKey: string): AsyncIterable<StoredMessage>;
	deleteSession(sessionKey: string): Promise<boolean>;
	/** Ends the connection. */
	close(): Promise<void>;
}

/** The store behind a server. */
export function remoteStore(connection: Connection): RemoteStore {
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
			const pages: StoredMessage[][] = [];
			let before: number | null | undefined;
			do {
				const page = await connection.request("session.history", {
					sessionKey,
					limit: PAGE,
					...(before && { before }),
				});
				pages.push(page.messages as StoredMessage[]);
				before = page.cursor;
			} while (before !== null);
			for (const page of pages.reverse()) yield* page;
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
