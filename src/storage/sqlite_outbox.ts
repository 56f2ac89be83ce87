// The table `outbox`: what is to be said to people, part by part, and what became of it.

import type { OutboxPart } from "../core/delivery.ts";
import { parseJson } from "../core/json.ts";
import type { Connection } from "../database/database.ts";
import { KNOWN_MS } from "./inbox_record.ts";
import { partSchema } from "./outbox_record.ts";
import { withoutGaps } from "./record.ts";
import type { SessionStore } from "./store.ts";

/** A row of `outbox`. */
export interface OutboxRow {
	delivery_id: string;
	part: number;
	dialog: string;
	recipient: string;
	session_key: string | null;
	/** JSON, as are the two texts that may hold anything. */
	content: string;
	state: string;
	platform_id: string | null;
	tried_at: string | null;
	reason: string | null;
	attempts: number;
	created_at: number;
	due_at: number | null;
}

// The row, and with it the order of first saving, stays.
const SAVE = `
	INSERT INTO outbox (delivery_id, part, dialog, recipient, session_key, content, state, platform_id, tried_at, reason, attempts, created_at, due_at)
	VALUES ($delivery_id, $part, $dialog, $recipient, $session_key, $content, $state, $platform_id, $tried_at, $reason, $attempts, $created_at, $due_at)
	ON CONFLICT (delivery_id, part) DO UPDATE SET dialog = excluded.dialog, recipient = excluded.recipient,
		session_key = excluded.session_key, content = excluded.content, state = excluded.state,
		platform_id = excluded.platform_id, tried_at = excluded.tried_at, reason = excluded.reason,
		attempts = excluded.attempts, created_at = excluded.created_at, due_at = excluded.due_at, settled_at = NULL`;

/** The part of a store that keeps the outbox, and what the inbox does with it in its own transactions. */
export interface Outbox
	extends Pick<
		SessionStore,
		"saveParts" | "pendingParts" | "partsOf" | "findPart"
	> {
	put(parts: readonly OutboxPart[]): void;
	/** Forgets parts that were sent, or had failed, a week before. */
	forget(timestamp: number): void;
}

export function createOutbox({ database, read, write }: Connection): Outbox {
	const save = database.prepare(SAVE);
	const findPending = database.prepare<OutboxRow>(
		"SELECT * FROM outbox WHERE dialog = $dialog AND state = 'pending' AND due_at IS NOT NULL ORDER BY rowid",
	);
	const findParts = database.prepare<OutboxRow>(
		"SELECT * FROM outbox WHERE delivery_id = $deliveryId ORDER BY part",
	);
	// What is asked about was mostly sent just now, so that an index would cost more than it saves.
	const findNamed = database.prepare<OutboxRow>(
		"SELECT * FROM outbox WHERE dialog = $dialog AND platform_id = $platformId ORDER BY rowid DESC LIMIT 1",
	);
	// Nobody says when a part came to its end: the first write that tells the time has it.
	const settle = database.prepare(
		"UPDATE outbox SET settled_at = $timestamp WHERE settled_at IS NULL AND state <> 'pending'",
	);
	const forget = database.prepare(
		"DELETE FROM outbox WHERE settled_at < $before AND state <> 'pending'",
	);

	const put = (parts: readonly OutboxPart[]) => {
		for (const part of parts) save.run({ ...asRow(part) });
	};

	return {
		put,

		forget: (timestamp) => {
			settle.run({ timestamp });
			forget.run({ before: timestamp - KNOWN_MS });
		},

		saveParts: (parts) => write(() => put(parts)),

		pendingParts: (dialog) =>
			read(() => findPending.all({ dialog }).flatMap(asPart)),

		partsOf: (deliveryId) =>
			read(() => findParts.all({ deliveryId }).flatMap(asPart)),

		findPart: (dialog, platformId) =>
			read(() => findNamed.all({ dialog, platformId }).flatMap(asPart)[0]),
	};
}

function asRow(part: OutboxPart): OutboxRow {
	return {
		delivery_id: part.deliveryId,
		part: part.part,
		dialog: part.dialog,
		recipient: part.to,
		session_key: part.sessionKey ?? null,
		content: JSON.stringify(part.content),
		state: part.state,
		platform_id: part.platformId ?? null,
		tried_at: part.triedAt === undefined ? null : JSON.stringify(part.triedAt),
		reason: part.reason === undefined ? null : JSON.stringify(part.reason),
		attempts: part.attempts,
		created_at: part.createdAt,
		due_at: part.dueAt ?? null,
	};
}

/** None where the row is damaged. */
export function asPart(row: OutboxRow): OutboxPart[] {
	const parsed = partSchema.safeParse(
		withoutGaps({
			deliveryId: row.delivery_id,
			part: row.part,
			dialog: row.dialog,
			to: row.recipient,
			sessionKey: row.session_key ?? undefined,
			content: parseJson(row.content),
			state: row.state,
			platformId: row.platform_id ?? undefined,
			triedAt: parseJson(row.tried_at ?? ""),
			reason: parseJson(row.reason ?? ""),
			attempts: row.attempts,
			createdAt: row.created_at,
			dueAt: row.due_at ?? undefined,
		}),
	);
	return parsed.success ? [parsed.data] : [];
}
