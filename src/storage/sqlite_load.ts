// A new database out of the entries of another store.

import { closeSync, fsyncSync, openSync } from "node:fs";
import { AeonError } from "../core/errors.ts";
import type { Connection } from "../database/database.ts";
import { guarded } from "../database/failure.ts";
import { bodyOf } from "./inbox_record.ts";
import { encodeMessage } from "./record.ts";
import { openAlone } from "./sqlite_alone.ts";
import { createOutbox } from "./sqlite_outbox.ts";
import type { StoreEntry } from "./store.ts";
import { MessageIds } from "./transfer_ids.ts";

/** A transaction takes so many entries, or so many characters of messages. */
const MAX_BATCH = 2_000;
const MAX_BATCH_LENGTH = 2_000_000;

const IS_FILLED = `
	SELECT EXISTS (SELECT 1 FROM sessions) OR EXISTS (SELECT 1 FROM messages)
		OR EXISTS (SELECT 1 FROM inbox) OR EXISTS (SELECT 1 FROM outbox) AS is_filled`;

/**
 * Fills an empty database, which it makes where there is none; once this has resolved all of it is on the disk. Throws
 * `conflict` where it is not empty, and `storage_failed`: what is in it then is of no use.
 */
export async function loadDatabase(
	path: string,
	entries: AsyncIterable<StoreEntry>,
): Promise<void> {
	const connection = await openAlone(path);
	const { database, read, write } = connection;
	try {
		const filled = database.prepare<{ is_filled: number }>(IS_FILLED);
		if ((await read(() => filled.get()))?.is_filled)
			throw new AeonError("conflict", `The store ${path} is not empty`, {
				hint: "Move that file aside, or name another one in storage.sessions_db of aeon.json.",
			});
		const put = createLoader(connection);
		for await (const batch of batches(entries))
			await write(() => batch.forEach(put));
	} finally {
		await connection.close();
	}
	await guarded(path, () => {
		const file = openSync(path, "r+");
		fsyncSync(file);
		closeSync(file);
	});
}

/** Puts entries into the tables, in a transaction of whoever calls it. */
function createLoader(connection: Connection): (entry: StoreEntry) => void {
	const { database } = connection;
	const outbox = createOutbox(connection);
	const addSession = database.prepare(
		"INSERT INTO sessions (session_key, agent_id, created_at, updated_at) VALUES ($key, $agent, $createdAt, $updatedAt)",
	);
	const addMessage = database.prepare(
		`INSERT INTO messages (session_key, role, content, timestamp, metadata)
		VALUES ($key, $role, $content, $timestamp, $metadata)`,
	);
	const addAccepted = database.prepare(
		`INSERT INTO inbox (run_id, dialog, message_id, session_key, body, received_at, taken_at, turn_run, attempts, done_at)
		VALUES ($run, $dialog, $messageId, $key, $body, $receivedAt, $takenAt, $takenBy, $attempts, $doneAt)`,
	);
	const settle = database.prepare(
		"UPDATE outbox SET settled_at = $settledAt WHERE delivery_id = $deliveryId AND part = $part",
	);
	let ids = new MessageIds();

	return (entry) => {
		switch (entry.kind) {
			case "session": {
				const { sessionKey: key, agentId: agent, ...times } = entry.session;
				ids = new MessageIds();
				addSession.run({ key, agent, ...times });
				break;
			}
			case "message": {
				const { sessionKey: key, message } = entry;
				const { role, content, metadata } = encodeMessage(
					ids.translate(message),
				);
				const { lastInsertRowid } = addMessage.run({
					key,
					role,
					content,
					timestamp: message.timestamp,
					metadata: metadata && JSON.stringify(metadata),
				});
				ids.add(message.id, lastInsertRowid);
				break;
			}
			case "accepted": {
				const { message, takenAt = null, finishedAt: doneAt = null } = entry;
				const { runId: run, dialog, sessionKey: key, receivedAt } = message;
				const { messageId = null, takenBy = null, attempts = 0 } = message;
				const body = doneAt === null ? JSON.stringify(bodyOf(message)) : "";
				addAccepted.run({
					run,
					dialog,
					messageId,
					key,
					body,
					receivedAt,
					takenAt,
					takenBy,
					attempts,
					doneAt,
				});
				break;
			}
			case "part": {
				const { part: saved, settledAt } = entry;
				const { deliveryId, part } = saved;
				outbox.put([saved]);
				if (settledAt !== undefined)
					settle.run({ deliveryId, part, settledAt });
			}
		}
	};
}

async function* batches(
	entries: AsyncIterable<StoreEntry>,
): AsyncGenerator<StoreEntry[]> {
	let batch: StoreEntry[] = [];
	let length = 0;
	for await (const entry of entries) {
		batch.push(entry);
		if (entry.kind === "message") length += entry.message.content.length;
		if (batch.length < MAX_BATCH && length < MAX_BATCH_LENGTH) continue;
		yield batch;
		batch = [];
		length = 0;
	}
	if (batch.length > 0) yield batch;
}
