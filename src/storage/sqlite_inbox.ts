// The table `inbox`: messages that were accepted and that no turn has taken in yet.

import * as z from "zod/mini";
import { parseJson } from "../core/json.ts";
import { parseSessionKey } from "../core/session.ts";
import type { Connection } from "./database.ts";
import type { SessionStore, WaitingMessage } from "./store.ts";

interface InboxRow {
	run_id: string;
	dialog: string;
	message_id: string | null;
	session_key: string;
	body: string;
	received_at: number;
}

/** What SQLite gives back exactly only as JSON. */
const bodySchema = z.object({
	text: z.string(),
	attachments: z.optional(
		z.array(z.object({ path: z.string(), mimeType: z.string() })),
	),
	model: z.optional(z.string()),
});

/** For so long after it was taken a message is known again. */
const KNOWN_MS = 7 * 24 * 60 * 60 * 1000;

const TAKE =
	"UPDATE inbox SET body = '', taken_at = $timestamp WHERE run_id = $run AND taken_at IS NULL";

/** The part of a store that keeps accepted messages, and `take`, for the transaction that saves one in its session. */
export interface Inbox
	extends Pick<
		SessionStore,
		"acceptMessage" | "waitingMessages" | "dropWaiting"
	> {
	take(runId: string, timestamp: number): void;
}

export function createInbox({ database, read, write }: Connection): Inbox {
	const add = database.prepare(
		`INSERT INTO inbox (run_id, dialog, message_id, session_key, body, received_at)
		VALUES ($run, $dialog, $messageId, $key, $body, $receivedAt) ON CONFLICT DO NOTHING`,
	);
	const findFirst = database.prepare<{ run_id: string }>(
		"SELECT run_id FROM inbox WHERE dialog = $dialog AND message_id = $messageId",
	);
	const forget = database.prepare("DELETE FROM inbox WHERE taken_at < $before");
	const take = database.prepare(TAKE);
	const drop = database.prepare(TAKE.replace("$timestamp", "received_at"));
	// The rowid is the order of acceptance, which a clock may not be.
	const findWaiting = database.prepare<InboxRow>(
		"SELECT * FROM inbox WHERE taken_at IS NULL ORDER BY rowid",
	);

	return {
		acceptMessage: async (message) => {
			const { runId, dialog, messageId = null, receivedAt } = message;
			const { sessionKey: key, text, attachments, model } = message;
			parseSessionKey(key);
			const body = JSON.stringify({ text, attachments, model });
			return write(() => {
				forget.run({ before: receivedAt - KNOWN_MS });
				add.run({ run: runId, dialog, messageId, key, body, receivedAt });
				return findFirst.get({ dialog, messageId })?.run_id ?? runId;
			});
		},

		waitingMessages: () =>
			read(() => findWaiting.all().flatMap((row) => asWaiting(row) ?? [])),

		dropWaiting: (runId) =>
			write(() => {
				drop.run({ run: runId });
			}),

		take: (runId, timestamp) => void take.run({ run: runId, timestamp }),
	};
}

function asWaiting(row: InboxRow): WaitingMessage | undefined {
	const body = bodySchema.safeParse(parseJson(row.body));
	if (!body.success) return undefined;
	return {
		runId: row.run_id,
		dialog: row.dialog,
		...(row.message_id !== null && { messageId: row.message_id }),
		sessionKey: row.session_key,
		...body.data,
		receivedAt: row.received_at,
	};
}
