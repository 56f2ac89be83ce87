// The default store: one SQLite file.

import * as z from "zod/mini";
import { filePath } from "../core/config.ts";
import { openConnection } from "../database/database.ts";
import { Patience } from "../database/patience.ts";
import { recoverDatabase } from "../database/recovery.ts";
import { tidyDatabase } from "../database/tidying.ts";
import { SESSIONS } from "./migrations.ts";
import { createInbox } from "./sqlite_inbox.ts";
import { createOutbox } from "./sqlite_outbox.ts";
import { createSearch } from "./sqlite_search.ts";
import { createSessions } from "./sqlite_sessions.ts";
import { createStatistics } from "./sqlite_statistics.ts";
import type { SessionStore, StoreDriver } from "./store.ts";
import { WordIndex } from "./word_index.ts";

const options = z.object({
	sessions_db: filePath("The database that sessions are kept in"),
});

/**
 * Keeps every session in one SQLite file, `sessions_db`. A kill loses nothing, a power cut nothing that was accepted and at
 * most the last second of what was answered. Other processes may use the file at the same time.
 */
export const sqlite = {
	options,
	open: ({ sessions_db }) => openSqlite(sessions_db),
	recover: ({ sessions_db }, timestamp, backups) =>
		recoverDatabase(sessions_db, timestamp, backups, { schema: SESSIONS }),
	copy: async ({ sessions_db }, target) => {
		const { copySessions } = await import("./sqlite_copy.ts");
		await copySessions(sessions_db, target);
	},
	verify: async (target) => {
		const { verifySessions } = await import("./sqlite_copy.ts");
		await verifySessions(target);
	},
	async *dump({ sessions_db }) {
		const { dumpDatabase } = await import("./sqlite_dump.ts");
		yield* dumpDatabase(sessions_db);
	},
	load: async ({ sessions_db }, entries) => {
		const { loadDatabase } = await import("./sqlite_load.ts");
		await loadDatabase(sessions_db, entries);
	},
} satisfies StoreDriver<z.infer<typeof options>>;

/** Opens a database as a store that is as patient with locks as it is told. */
export async function openSqlite(
	path: string,
	patience = new Patience(),
): Promise<SessionStore> {
	const connection = await openConnection(path, SESSIONS, patience);
	const { put, forget, ...outbox } = createOutbox(connection);
	const { take, ...inbox } = createInbox(connection, { put, forget });
	const index = new WordIndex(connection);
	return {
		...createSessions(connection, take, index),
		searchMessages: createSearch(connection, index),
		tidy: async () => {
			await index.tidy();
			await tidyDatabase(connection);
		},
		...inbox,
		...outbox,
		statistics: createStatistics(connection),
		close: connection.close,
	};
}
