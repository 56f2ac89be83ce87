// The inbox and the outbox of a resilient store.

import type { OutboxPart } from "../core/delivery.ts";
import { parseSessionKey } from "../core/session.ts";
import { mergeParts, mergeWaiting } from "./merging.ts";
import { byPart, isPending } from "./outbox_record.ts";
import { asNothing } from "./reopening.ts";
import type { SessionStore } from "./store.ts";
import { type Accepting, type Amending, runsOf, type Write } from "./writes.ts";
import type { Writing } from "./writing.ts";

type Inbox = Pick<
	SessionStore,
	| "acceptMessage"
	| "waitingMessages"
	| "amendMessage"
	| "countAttempt"
	| "finishMessages"
	| "saveParts"
	| "pendingParts"
	| "partsOf"
	| "findPart"
>;

/** A read of the store; throws where that fails. */
type Read = <T>(work: (store: SessionStore) => Promise<T>) => Promise<T>;

/** Accepted messages and parts of the outbox, stored or kept. */
export function resilientInbox(writing: Writing, read: Read): Inbox {
	const { unsaved } = writing;
	/** By run, the sessions of messages that are not finished, as far as they were seen here. */
	const sessions = new Map<string, string>();

	/** The session by which a write about a run is put in order. */
	const sessionOf = (runId: string) =>
		unsaved.findSession([runId]) ?? sessions.get(runId) ?? runId;

	/** What is stored, and what was kept at the moment of reading: neither has what the other one lacks. */
	const ask = async <T>(work: (store: SessionStore) => Promise<T[]>) => {
		let writes: Write[] = [];
		const stored = await read((store) => {
			writes = unsaved.all();
			return work(store);
		});
		return { stored, writes };
	};

	const waitingMessages = async () => {
		const { stored, writes } = await ask((store) => store.waitingMessages());
		const waiting = mergeWaiting(stored, writes);
		for (const one of waiting) sessions.set(one.runId, one.sessionKey);
		return waiting;
	};

	/** The parts that are meant: only the kept ones where the store cannot be read. */
	const findParts = async (
		work: (store: SessionStore) => Promise<OutboxPart[]>,
		isMeant: (part: OutboxPart) => boolean,
	) => {
		const found = await ask(work).catch(asNothing);
		const { stored, writes } = found ?? { stored: [], writes: unsaved.all() };
		return mergeParts(stored, writes, isMeant);
	};

	/** As far as can be known: of a message in a store that cannot be read, unless something kept is about its turn. */
	const isUntaken = async (runId: string) => {
		const waiting = await waitingMessages().catch(asNothing);
		if (waiting)
			return waiting.some((one) => one.runId === runId && !one.takenBy);
		return !unsaved
			.all()
			.filter(({ kind }) => kind === "save" || kind === "finish")
			.some((write) => runsOf(write).includes(runId));
	};

	const finish = async (
		runIds: readonly string[],
		parts: readonly OutboxPart[],
	) => {
		if (runIds.length + parts.length === 0) return;
		const [first] = parts;
		const [run = ""] = runIds;
		const deliveries = parts.map(({ deliveryId }) => deliveryId);
		const sessionKey =
			unsaved.findSession(runIds, deliveries) ??
			sessions.get(run) ??
			first?.sessionKey ??
			first?.deliveryId ??
			run;
		for (const runId of runIds) sessions.delete(runId);
		// Whoever gave the parts may go on changing them.
		const given = { runIds: [...runIds], parts: structuredClone([...parts]) };
		await writing.put({ kind: "finish", sessionKey, ...given });
	};

	return {
		async acceptMessage(waiting) {
			const { sessionKey } = waiting;
			parseSessionKey(sessionKey);
			const accepting: Accepting = { kind: "accept", sessionKey, waiting };
			await writing.put(accepting);
			const runId = accepting.runId ?? waiting.runId;
			if (runId === waiting.runId) sessions.set(runId, sessionKey);
			return runId;
		},

		waitingMessages,

		async amendMessage(runId, change) {
			const sessionKey = sessionOf(runId);
			const amending: Amending = { kind: "amend", sessionKey, runId, change };
			await writing.put(amending);
			return amending.isAmended ?? isUntaken(runId);
		},

		countAttempt(takenBy) {
			const sessionKey = sessionOf(takenBy);
			return writing.put({ kind: "count", sessionKey, takenBy });
		},

		finishMessages: (runIds, parts = []) => finish(runIds, parts),

		saveParts: (parts) => finish([], parts),

		pendingParts: (dialog) =>
			findParts(
				(store) => store.pendingParts(dialog),
				(part) => isPending(part, dialog),
			),

		async partsOf(deliveryId) {
			const parts = await findParts(
				(store) => store.partsOf(deliveryId),
				(part) => part.deliveryId === deliveryId,
			);
			return parts.sort(byPart);
		},

		async findPart(dialog, platformId) {
			const parts = await findParts(
				async (store) =>
					[await store.findPart(dialog, platformId)].filter((part) => !!part),
				(part) => part.dialog === dialog && part.platformId === platformId,
			);
			return parts.at(-1);
		},
	};
}
