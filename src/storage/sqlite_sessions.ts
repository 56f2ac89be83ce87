// The tables `sessions` and `messages`.

import { parseJson } from "../core/json.ts";
import { formatArchiveKey, parseSessionKey } from "../core/session.ts";
import type { Connection } from "../database/database.ts";
import { guarded } from "../database/failure.ts";
import { decodeMessage, encodeMessage, place, summarise } from "./record.ts";
import type { Inbox } from "./sqlite_inbox.ts";
import type { Outbox } from "./sqlite_outbox.ts";
import type {
	Session,
	SessionStore,
	StoredMessage,
	StoredSummary,
} from "./store.ts";
import type { WordIndex } from "./word_index.ts";

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

const EXPORT_PAGE = 200;
const MAX_ROWS = 2 ** 31 - 1;

const MESSAGE_COLUMNS = "id, role, content, timestamp, metadata";

/** The SQL that finds the last summary of a session. */
export const FIND_LAST_SUMMARY = `
	SELECT ${MESSAGE_COLUMNS} FROM messages
	WHERE id = (SELECT message_id FROM summaries WHERE session_key = $key) AND session_key = $key`;

// The dialog is compared, and the last text cut, as bytes: SQLite's text functions stop at a NUL. 480 bytes hold any 120
// characters.
const LIST_SESSIONS = `
	WITH recent AS MATERIALIZED (
		SELECT * FROM sessions
		WHERE updated_at <= $updatedAt AND (updated_at < $updatedAt OR session_key > $key)
			AND ($agent IS NULL OR agent_id = $agent)
			AND ($dialog IS NULL OR instr($dialog, ':') = 0 AND instr(CAST(session_key AS BLOB), CAST('agent:' || agent_id || ':' || $dialog || ':' AS BLOB)) = 1)
		ORDER BY updated_at DESC, session_key LIMIT $limit
	)
	SELECT recent.*,
		(SELECT count(*) FROM messages WHERE messages.session_key = recent.session_key) AS message_count,
		(SELECT substr(CAST(content AS BLOB), 1, 480) FROM messages
			WHERE messages.session_key = recent.session_key AND role IN ('user', 'assistant') AND content <> ''
			ORDER BY id DESC LIMIT 1) AS last_text
	FROM recent ORDER BY updated_at DESC, session_key`;

type Sessions = Omit<
	SessionStore,
	| keyof Inbox
	| keyof Outbox
	| "searchMessages"
	| "statistics"
	| "tidy"
	| "close"
>;

/** The part of a store that keeps sessions and their messages. */
export function createSessions(
	{ database, path, read, write }: Connection,
	take: Inbox["take"],
	index: WordIndex,
): Sessions {
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
		`SELECT ${MESSAGE_COLUMNS} FROM messages WHERE session_key = $key AND id < $before ORDER BY id DESC LIMIT $limit`,
	);
	const findAfter = database.prepare<MessageRow>(
		`SELECT ${MESSAGE_COLUMNS} FROM messages WHERE session_key = $key AND id > $after ORDER BY id LIMIT $limit`,
	);
	const findLastSummary = database.prepare<MessageRow>(FIND_LAST_SUMMARY);
	const findSummaries = database.prepare<SummaryRow>(LIST_SESSIONS);
	const archiveSession = database.prepare(
		`INSERT INTO sessions (session_key, agent_id, created_at, updated_at)
		SELECT $archive, agent_id, created_at, updated_at FROM sessions WHERE session_key = $key`,
	);
	const moveMessages = database.prepare(
		"UPDATE messages SET session_key = $archive WHERE session_key = $key",
	);
	const moveSummary = database.prepare(
		"UPDATE summaries SET session_key = $archive WHERE session_key = $key",
	);
	const restartSession = database.prepare(
		"UPDATE sessions SET created_at = $timestamp, updated_at = $timestamp WHERE session_key = $key",
	);
	const dropMessages = database.prepare(
		"DELETE FROM messages WHERE session_key = $key",
	);
	const dropSummary = database.prepare(
		"DELETE FROM summaries WHERE session_key = $key",
	);
	const dropSession = database.prepare(
		"DELETE FROM sessions WHERE session_key = $key",
	);
	const readLast = (
		key: string,
		limit: number,
		before = Number.MAX_SAFE_INTEGER,
	) => findLast.all({ key, limit: rowLimit(limit), before });

	return {
		getSession: (key) =>
			read(() => {
				const row = findSession.get({ key });
				return row && asSession(row);
			}),

		saveMessage: (key, message, timestamp, runIds = []) =>
			guarded(path, async () => {
				const agent = parseSessionKey(key).agentId;
				const { role, content, metadata } = encodeMessage(message);
				const id = await write(() => {
					touchSession.run({ key, agent, timestamp });
					take(runIds, timestamp);
					return addMessage.run({
						key,
						role,
						content,
						timestamp,
						metadata: metadata && JSON.stringify(metadata),
					}).lastInsertRowid;
				});
				return place(decodeMessage(role, content, metadata), id, timestamp);
			}),

		getHistory: (key, limit, before) =>
			read(() => readLast(key, limit, before).reverse().map(asMessage)),

		findSummary: (key) =>
			read(() => {
				const row = findLastSummary.get({ key });
				return row && asSummary(asMessage(row));
			}),

		listSessions: ({ limit = MAX_ROWS, before, agentId, dialog } = {}) =>
			read(() =>
				findSummaries
					.all({
						limit: rowLimit(limit),
						updatedAt: before?.updatedAt ?? Number.MAX_SAFE_INTEGER,
						key: before?.sessionKey ?? "",
						agent: agentId ?? null,
						dialog: dialog ?? null,
					})
					.map((row) => ({
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
				if (readLast(key, 1).length === 0) return undefined;
				let archivedAt = timestamp;
				while (findSession.get({ key: formatArchiveKey(key, archivedAt) }))
					archivedAt++;
				const archive = formatArchiveKey(key, archivedAt);
				archiveSession.run({ key, archive });
				moveMessages.run({ key, archive });
				moveSummary.run({ key, archive });
				restartSession.run({ key, timestamp });
				return archive;
			}),

		deleteSession: (key) =>
			index.mending(() =>
				write(() => {
					index.forget(key);
					dropMessages.run({ key });
					dropSummary.run({ key });
					return dropSession.run({ key }).changes > 0;
				}),
			),
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
	return place(
		decodeMessage(role, content, metadata && parseJson(metadata)),
		id,
		timestamp,
	);
}

function asSummary(message: StoredMessage): StoredSummary | undefined {
	return message.role === "summary" ? message : undefined;
}
