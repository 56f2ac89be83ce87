// The writes that a store may refuse for a while: what each of them is, and how it is done.

import type { OutboxPart } from "../core/delivery.ts";
import type { Message } from "../core/message.ts";
import type { SessionStore, StoredMessage, WaitingMessage } from "./store.ts";

/** A message on its way into a session. */
export interface Saving {
	kind: "save";
	sessionKey: string;
	message: Message;
	timestamp: number;
	/** What it was accepted for. */
	runIds?: readonly string[];
	/** What it is called until it is saved, and afterwards what the store made of it. */
	stored?: StoredMessage;
	isSaved?: boolean;
}

/** A message on its way into the inbox. */
export interface Accepting {
	kind: "accept";
	sessionKey: string;
	waiting: WaitingMessage;
	/** The run that answers it, where the store knew the message already. */
	runId?: string;
}

/** Another text for a message in the inbox. */
export interface Amending {
	kind: "amend";
	sessionKey: string;
	runId: string;
	change: Pick<WaitingMessage, "text" | "files">;
	/** What the store made of it; undefined until then. */
	isAmended?: boolean;
}

/** A turn that has begun once more. */
export interface Counting {
	kind: "count";
	sessionKey: string;
	takenBy: string;
}

/** Messages on their way out of the inbox, and parts on their way into the outbox. */
export interface Finishing {
	kind: "finish";
	sessionKey: string;
	runIds: readonly string[];
	parts: readonly OutboxPart[];
}

/**
 * One write. Those of one `sessionKey` are done in the order they were given; where a write is of no known session, it is
 * the name of what it writes.
 */
export type Write = Saving | Accepting | Amending | Counting | Finishing;

/**
 * Does one write, and notes in it what came of it. `idOf` gives the id in the store of a message of its session that may
 * have been called otherwise while it was kept.
 */
export async function perform(
	store: SessionStore,
	write: Write,
	idOf: (name: number) => number,
): Promise<void> {
	switch (write.kind) {
		case "save": {
			const { sessionKey, timestamp, runIds } = write;
			const message = renamed(write.message, idOf);
			const saving = store.saveMessage(sessionKey, message, timestamp, runIds);
			write.stored = await saving;
			write.isSaved = true;
			break;
		}
		case "accept":
			write.runId = await store.acceptMessage(write.waiting);
			break;
		case "amend":
			write.isAmended = await store.amendMessage(write.runId, write.change);
			break;
		case "count":
			await store.countAttempt(write.takenBy);
			break;
		case "finish":
			await (write.runIds.length > 0
				? store.finishMessages(write.runIds, write.parts)
				: store.saveParts(write.parts));
	}
}

/** A summary stands for messages by what they are called in the store; where it may be either name, for fewer of them. */
function renamed(message: Message, idOf: (name: number) => number): Message {
	if (message.role !== "summary") return message;
	const through = Math.min(message.through, idOf(message.through));
	return { ...message, through };
}

/** The runs that a write is about. */
export function runsOf(write: Write): readonly string[] {
	switch (write.kind) {
		case "save":
		case "finish":
			return write.runIds ?? [];
		case "accept":
			return [write.waiting.runId];
		case "amend":
			return [write.runId];
		case "count":
			return [write.takenBy];
	}
}

/** True where giving a write up loses something that somebody has said or is to be told. */
export function isLoss(write: Write): boolean {
	if (write.kind === "finish") return write.parts.length > 0;
	return write.kind !== "count";
}
