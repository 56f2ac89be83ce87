// The default store: one SQLite file.

import {
	accessSync,
	closeSync,
	constants,
	existsSync,
	mkdirSync,
	openSync,
} from "node:fs";
import { dirname } from "node:path";
import * as z from "zod/mini";
import { filePath } from "../core/config.ts";
import { parseJson } from "../core/json.ts";
import { platform, type SqlDatabase } from "../core/platform.ts";
import { formatArchiveKey, parseSessionKey } from "../core/session.ts";
import { guarded } from "./failure.ts";
import { migrate } from "./migrations.ts";
import { Patience } from "./patience.ts";
import { decodeMessage, encodeMessage, summarise } from "./record.ts";
import type {
	Session,
	SessionStore,
	StoreDriver,
	StoredMessage,
} from "./store.ts";

interface SessionRow {
	session_key: string;
	agent_id: string;
	created_at: number;
	updated_at: number;
}

interface SummaryRow extends SessionRow {
	message_count: number;
	last_text: Uint8Array | null;
}

interface MessageRow {
	id: number;
	role: string;
	content: string;
	timestamp: number;
	metadata: string | null;
}

const options = z.object({
	sessions_db: filePath("The database that sessions are kept in"),
});

// Waiting for a lock in here blocks the event loop, hence the short busy_timeout: the patience is in patience.ts. It comes
// first, for the next one needs a lock.
const PRAGMAS = [
	"busy_timeout = 50",
	"journal_mode = WAL",
	"synchronous = NORMAL",
	"foreign_keys = ON",
	"journal_size_limit = 4194304",
	"cache_size = -2000",
	"mmap_size = 0",
];

const EXPORT_PAGE = 200;
const MAX_ROWS = 2 ** 31 - 1;

const MESSAGE_COLUMNS = "id, role, content, timestamp, metadata";

// The last text is cut as bytes: SQLite's text functions stop at a NUL. 480 bytes hold any 120 characters.
const LIST_SESSIONS = `
	WITH recent AS MATERIALIZED (
		SELECT * FROM sessions ORDER BY updated_at DESC, session_key LIMIT $limit
	)
	SELECT recent.*,
		(SELECT count(*) FROM messages WHERE messages.session_key = recent.session_key) AS message_count,
		(SELECT substr(CAST(content AS BLOB), 1, 480) FROM messages
			WHERE messages.session_key = recent.session_key AND role IN ('user', 'assistant') AND content <> ''
			ORDER BY id DESC LIMIT 1) AS last_text
	FROM recent ORDER BY updated_at DESC, session_key`;

/**
 * Keeps every session in one SQLite file, `sessions_db`. A kill loses nothing, a power cut at most the last messages, never
 * the file. Other processes may use the file at the same time.
 */
export const sqlite = {
	options,
	open: ({ sessions_db: path }) =>
		guarded(path, async () => {
			createPrivately(path);
			const database = platform.openDatabase(path);
			const patience = new Patience();
			try {
				return await patience.patiently(() => {
					for (const pragma of PRAGMAS) database.exec(`PRAGMA ${pragma}`);
					migrate(database, path);
					return createStore(database, path, patience);
				});
			} catch (error) {
				database.close();
				throw error;
			}
		}),
} satisfies StoreDriver<z.infer<typeof options>>;

/** SQLite would make the file readable by everybody; its -wal and -shm files take over the mode of the file. */
function createPrivately(path: string): void {
	mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
	// An existing file must not be opened here: closing it would drop this process's other locks on it (fcntl(2)).
	if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
	// SQLite would open what it may not write, and fail at the first message or with a worse word.
	for (const needed of [dirname(path), path])
		accessSync(needed, constants.R_OK | constants.W_OK);
}

function createStore(
	database: SqlDatabase,
	path: string,
	patience: Patience,
): SessionStore {
	const read = <T>(work: () => T) =>
		guarded(path, () => patience.patiently(work));
	const write = <T>(work: () => T) =>
		guarded(path, () => patience.inOrder(() => database.transaction(work)));
	const findSession = database.prepare<SessionRow>(
		"SELECT * FROM sessions WHERE session_key = $key",
	);
	const touchSession = database.prepare(
		`INSERT INTO sessions (session_key, agent_id, created_at, updated_at) VALUES ($key, $agent, $timestamp, $timestamp)
		ON CONFLICT (session_key) DO UPDATE SET updated_at = $timestamp`,
	);
	const addMessage = database.prepare(
		`INSERT INTO messages (session_key, role, content, timestamp, metadata)
		VALUES ($key, $role, $content, $timestamp, $metadata)`,
	);
	const findLast = database.prepare<MessageRow>(
		`SELECT ${MESSAGE_COLUMNS} FROM messages WHERE session_key = $key ORDER BY id DESC LIMIT $limit`,
	);
	const findAfter = database.prepare<MessageRow>(
		`SELECT ${MESSAGE_COLUMNS} FROM messages WHERE session_key = $key AND id > $after ORDER BY id LIMIT $limit`,
	);
	const findSummaries = database.prepare<SummaryRow>(LIST_SESSIONS);
	const archiveSession = database.prepare(
		`INSERT INTO sessions (session_key, agent_id, created_at, updated_at)
		SELECT $archive, agent_id, created_at, updated_at FROM sessions WHERE session_key = $key`,
	);
	const moveMessages = database.prepare(
		"UPDATE messages SET session_key = $archive WHERE session_key = $key",
	);
	const restartSession = database.prepare(
		"UPDATE sessions SET created_at = $timestamp, updated_at = $timestamp WHERE session_key = $key",
	);
	const dropMessages = database.prepare(
		"DELETE FROM messages WHERE session_key = $key",
	);
	const dropSession = database.prepare(
		"DELETE FROM sessions WHERE session_key = $key",
	);
	let isClosed = false;

	return {
		getSession: (key) =>
			read(() => {
				const row = findSession.get({ key });
				return row && asSession(row);
			}),

		saveMessage: (key, message, timestamp) =>
			guarded(path, async () => {
				const agent = parseSessionKey(key).agentId;
				const { role, content, metadata } = encodeMessage(message);
				const id = await write(() => {
					touchSession.run({ key, agent, timestamp });
					return addMessage.run({
						key,
						role,
						content,
						timestamp,
						metadata: metadata && JSON.stringify(metadata),
					}).lastInsertRowid;
				});
				return { ...decodeMessage(role, content, metadata), id, timestamp };
			}),

		getHistory: (key, limit) =>
			read(() =>
				findLast
					.all({ key, limit: rowLimit(limit) })
					.reverse()
					.map(asMessage),
			),

		listSessions: (limit = MAX_ROWS) =>
			read(() =>
				findSummaries.all({ limit: rowLimit(limit) }).map((row) => ({
					...asSession(row),
					messageCount: row.message_count,
					lastText: summarise(
						new TextDecoder().decode(row.last_text ?? new Uint8Array()),
					),
				})),
			),

		async *exportSession(key) {
			let page: MessageRow[];
			let after = 0;
			do {
				page = await read(() =>
					findAfter.all({ key, after, limit: EXPORT_PAGE }),
				);
				yield* page.map(asMessage);
				after = page.at(-1)?.id ?? after;
			} while (page.length === EXPORT_PAGE);
		},

		resetSession: (key, timestamp) =>
			write(() => {
				if (!findLast.get({ key, limit: 1 })) return undefined;
				let archivedAt = timestamp;
				while (findSession.get({ key: formatArchiveKey(key, archivedAt) }))
					archivedAt++;
				const archive = formatArchiveKey(key, archivedAt);
				archiveSession.run({ key, archive });
				moveMessages.run({ key, archive });
				restartSession.run({ key, timestamp });
				return archive;
			}),

		deleteSession: (key) =>
			write(() => {
				dropMessages.run({ key });
				return dropSession.run({ key }).changes > 0;
			}),

		close: () => {
			patience.end();
			const close = () => {
				if (isClosed) return;
				isClosed = true;
				try {
					database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
				} finally {
					database.close();
				}
			};
			return guarded(path, () => patience.inOrder(close));
		},
	};
}

/** A limit as SQLite takes it: below zero it would mean "all". */
function rowLimit(limit: number): number {
	return Math.max(0, Math.min(limit, MAX_ROWS));
}

function asSession(row: SessionRow): Session {
	return {
		sessionKey: row.session_key,
		agentId: row.agent_id,
		createdAt: row.created_at,
		updatedAt: row.updated_at,
	};
}

function asMessage({
	id,
	role,
	content,
	timestamp,
	metadata,
}: MessageRow): StoredMessage {
	return {
		...decodeMessage(role, content, metadata && parseJson(metadata)),
		id,
		timestamp,
	};
}
