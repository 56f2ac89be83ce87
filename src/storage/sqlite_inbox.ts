// The table `inbox`: messages that were accepted, from then until the end of their turn.

import { parseJson } from "../core/json.ts";
import { parseSessionKey } from "../core/session.ts";
import type { Connection } from "../database/database.ts";
import { type Body, bodyOf, bodySchema, KNOWN_MS } from "./inbox_record.ts";
import type { Outbox } from "./sqlite_outbox.ts";
import type { SessionStore, WaitingMessage } from "./store.ts";

const TIDY_PAUSE_MS = 60 * 60 * 1000;

/** A row of `inbox`, but for its times. */
export interface InboxRow {
	run_id: string;
	dialog: string;
	message_id: string | null;
	session_key: string;
	body: string;
	received_at: number;
	turn_run: string | null;
	attempts: number;
}

/** The part of a store that keeps accepted messages, and `take`, for the transaction that saves them in their session. */
export interface Inbox
	extends Pick<
		SessionStore,
		| "acceptMessage"
		| "waitingMessages"
		| "amendMessage"
		| "countAttempt"
		| "finishMessages"
	> {
	take(runIds: readonly string[], timestamp: number): void;
}

export function createInbox(
	{ database, read, write, synced }: Connection,
	outbox: Pick<Outbox, "put" | "forget">,
): Inbox {
	const add = database.prepare(
		`INSERT INTO inbox (run_id, dialog, message_id, session_key, body, received_at)
		VALUES ($run, $dialog, $messageId, $key, $body, $receivedAt) ON CONFLICT DO NOTHING`,
	);
	const findFirst = database.prepare<{ run_id: string }>(
		"SELECT run_id FROM inbox WHERE dialog = $dialog AND message_id = $messageId",
	);
	const forget = database.prepare("DELETE FROM inbox WHERE done_at < $before");
	const take = database.prepare(
		`UPDATE inbox SET turn_run = $by, taken_at = $timestamp, attempts = max(attempts, 1)
		WHERE run_id = $run AND turn_run IS NULL AND done_at IS NULL`,
	);
	const countAttempt = database.prepare(
		"UPDATE inbox SET attempts = attempts + 1 WHERE coalesce(turn_run, run_id) = $by AND done_at IS NULL",
	);
	// The session has what was taken; what was not is not wanted.
	const finish = database.prepare(
		`UPDATE inbox SET body = '', done_at = coalesce(taken_at, received_at)
		WHERE run_id = $run AND done_at IS NULL`,
	);
	const findUntaken = database.prepare<{ body: string }>(
		"SELECT body FROM inbox WHERE run_id = $run AND turn_run IS NULL AND done_at IS NULL",
	);
	const amend = database.prepare(
		"UPDATE inbox SET body = $body WHERE run_id = $run",
	);
	// The rowid is the order of acceptance, which a clock may not be.
	const findWaiting = database.prepare<InboxRow>(
		"SELECT * FROM inbox WHERE done_at IS NULL ORDER BY rowid",
	);

	let tidiedAt = Number.NEGATIVE_INFINITY;
	/** Forgets what is old. Seldom, and without an index, which every message would have to be written into. */
	const tidy = (timestamp: number) => {
		if (Math.abs(timestamp - tidiedAt) < TIDY_PAUSE_MS) return;
		tidiedAt = timestamp;
		forget.run({ before: timestamp - KNOWN_MS });
		outbox.forget(timestamp);
	};

	return {
		acceptMessage: async (message) => {
			const { runId, dialog, messageId = null, receivedAt } = message;
			const { sessionKey: key } = message;
			parseSessionKey(key);
			const body = JSON.stringify(bodyOf(message));
			const first = await write(() => {
				tidy(receivedAt);
				add.run({ run: runId, dialog, messageId, key, body, receivedAt });
				return findFirst.get({ dialog, messageId })?.run_id ?? runId;
			});
			// Whoever sent it is told that it is kept, and does not send it again.
			await synced();
			return first;
		},

		waitingMessages: () =>
			read(() => findWaiting.all().flatMap((row) => asWaiting(row) ?? [])),

		amendMessage: (run, { text, files }) =>
			write(() => {
				const row = findUntaken.get({ run });
				const body = row && asBody(row.body);
				if (!body) return false;
				amend.run({ run, body: JSON.stringify({ ...body, text, files }) });
				return true;
			}),

		countAttempt: (by) => write(() => void countAttempt.run({ by })),

		finishMessages: (runIds, parts = []) =>
			write(() => {
				for (const run of runIds) finish.run({ run });
				outbox.put(parts);
			}),

		take: (runIds, timestamp) => {
			const [by = ""] = runIds;
			for (const run of runIds) take.run({ run, by, timestamp });
		},
	};
}

/** Undefined where it is damaged. */
function asBody(json: string): Body | undefined {
	return bodySchema.safeParse(parseJson(json)).data;
}

/** Undefined where the row is damaged. */
export function asWaiting(row: InboxRow): WaitingMessage | undefined {
	const body = asBody(row.body);
	if (!body) return undefined;
	return {
		runId: row.run_id,
		dialog: row.dialog,
		...(row.message_id !== null && { messageId: row.message_id }),
		sessionKey: row.session_key,
		...body,
		receivedAt: row.received_at,
		...(row.turn_run !== null && { takenBy: row.turn_run }),
		...(row.attempts > 0 && { attempts: row.attempts }),
	};
}
