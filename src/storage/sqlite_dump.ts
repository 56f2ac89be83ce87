// Everything out of a database, entry by entry.

import { existsSync } from "node:fs";
import { parseJson } from "../core/json.ts";
import type { SqlParameters, Statement } from "../core/platform.ts";
import type { Connection } from "../database/database.ts";
import { decodeMessage, place } from "./record.ts";
import { openAlone } from "./sqlite_alone.ts";
import { asWaiting, type InboxRow } from "./sqlite_inbox.ts";
import { asPart, type OutboxRow } from "./sqlite_outbox.ts";
import type { StoredMessage, StoreEntry } from "./store.ts";

interface SessionRow {
	session_key: string;
	agent_id: string;
	created_at: number;
	updated_at: number;
}

interface MessageRow {
	place: number;
	role: string;
	content: string;
	timestamp: number;
	metadata: string | null;
}

interface AcceptedRow extends InboxRow {
	place: number;
	taken_at: number | null;
	done_at: number | null;
}

interface PartRow extends OutboxRow {
	place: number;
	settled_at: number | null;
}

const PAGE = 200;

// The session used last comes last: as in a database that has grown by itself, its messages have the highest ids.
const FIND_SESSIONS =
	"SELECT session_key, agent_id, created_at, updated_at FROM sessions ORDER BY updated_at, session_key";
const FIND_MESSAGES = `
	SELECT id AS place, role, content, timestamp, metadata FROM messages
	WHERE session_key = $key AND id > $after ORDER BY id LIMIT ${PAGE}`;
const FIND_ACCEPTED = `SELECT rowid AS place, * FROM inbox WHERE rowid > $after ORDER BY rowid LIMIT ${PAGE}`;
const FIND_PARTS = `SELECT rowid AS place, * FROM outbox WHERE rowid > $after ORDER BY rowid LIMIT ${PAGE}`;

/** Everything in a database that nobody else has open; nothing where there is none. Throws `storage_failed`. */
export async function* dumpDatabase(path: string): AsyncGenerator<StoreEntry> {
	if (!existsSync(path)) return;
	const connection = await openAlone(path);
	const { database, read } = connection;
	try {
		const sessions = database.prepare<SessionRow>(FIND_SESSIONS);
		const messages = database.prepare<MessageRow>(FIND_MESSAGES);
		const accepted = database.prepare<AcceptedRow>(FIND_ACCEPTED);
		const parts = database.prepare<PartRow>(FIND_PARTS);
		for (const row of await read(() => sessions.all())) {
			const sessionKey = row.session_key;
			yield {
				kind: "session",
				session: {
					sessionKey,
					agentId: row.agent_id,
					createdAt: row.created_at,
					updatedAt: row.updated_at,
				},
			};
			for await (const message of rows(connection, messages, {
				key: sessionKey,
			}))
				yield { kind: "message", sessionKey, message: asMessage(message) };
		}
		for await (const row of rows(connection, accepted)) yield* asAccepted(row);
		for await (const row of rows(connection, parts))
			for (const part of asPart(row))
				yield {
					kind: "part",
					part,
					...(row.settled_at !== null && { settledAt: row.settled_at }),
				};
	} finally {
		await connection.close();
	}
}

/** All that a statement finds, page by page. */
async function* rows<Row extends { place: number }>(
	{ read }: Connection,
	find: Statement<Row>,
	parameters: SqlParameters = {},
): AsyncGenerator<Row> {
	let page: Row[];
	let after = Number.MIN_SAFE_INTEGER;
	do {
		page = await read(() => find.all({ ...parameters, after }));
		yield* page;
		after = page.at(-1)?.place ?? after;
	} while (page.length === PAGE);
}

function asMessage(row: MessageRow): StoredMessage {
	const metadata = row.metadata && parseJson(row.metadata);
	const message = decodeMessage(row.role, row.content, metadata);
	return place(message, row.place, row.timestamp);
}

/** None where the row is damaged. */
function* asAccepted(row: AcceptedRow): Generator<StoreEntry> {
	const isFinished = row.done_at !== null;
	const message = asWaiting(isFinished ? { ...row, body: '{"text":""}' } : row);
	if (!message) return;
	yield {
		kind: "accepted",
		message,
		...(row.taken_at !== null && { takenAt: row.taken_at }),
		...(row.done_at !== null && { finishedAt: row.done_at }),
	};
}
