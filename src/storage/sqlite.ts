// The default store: one SQLite file.

import * as z from "zod/mini";
import { filePath } from "../core/config.ts";
import { openConnection } from "./database.ts";
import { Patience } from "./patience.ts";
import { recoverDatabase } from "./recovery.ts";
import { createInbox } from "./sqlite_inbox.ts";
import { createOutbox } from "./sqlite_outbox.ts";
import { createSessions } from "./sqlite_sessions.ts";
import { createStatistics } from "./sqlite_statistics.ts";
import type { SessionStore, StoreDriver } from "./store.ts";

const options = z.object({
	sessions_db: filePath("The database that sessions are kept in"),
});

/**
 * Keeps every session in one SQLite file, `sessions_db`. A kill loses nothing, a power cut at most the last messages, never
 * the file. Other processes may use the file at the same time.
 */
export const sqlite = {
	options,
	open: ({ sessions_db }) => openSqlite(sessions_db),
	recover: ({ sessions_db }, timestamp) =>
		recoverDatabase(sessions_db, timestamp),
} satisfies StoreDriver<z.infer<typeof options>>;

/** Opens a database as a store that is as patient with locks as it is told. */
export async function openSqlite(
	path: string,
	patience = new Patience(),
): Promise<SessionStore> {
	const connection = await openConnection(path, patience);
	const { put, forget, ...outbox } = createOutbox(connection);
	const { take, ...inbox } = createInbox(connection, { put, forget });
	return {
		...createSessions(connection, take),
		...inbox,
		...outbox,
		statistics: createStatistics(connection),
		close: connection.close,
	};
}
