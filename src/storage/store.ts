// The port to storage: sessions and their messages, kept through power cuts.

import type { ZodMiniObject } from "zod/mini";
import type { OutboxPart } from "../core/delivery.ts";
import type { Passage } from "../core/memory.ts";
import type {
	InboundMessage,
	Message,
	SummaryMessage,
	Usage,
} from "../core/message.ts";

/** One conversation of one user with one agent. Times are milliseconds since 1970. */
export interface Session {
	sessionKey: string;
	agentId: string;
	createdAt: number;
	updatedAt: number;
}

/** A session as a list shows it. */
export interface SessionSummary extends Session {
	messageCount: number;
	/** The beginning of the last text said in it; empty where there is none. */
	lastText: string;
}

/** A message as it lies in the store. `id` grows with every message of a session. */
export type StoredMessage = Message & { id: number; timestamp: number };

/** Which sessions are listed. All of them where nothing is said. */
export interface SessionQuery {
	/** At most so many. */
	limit?: number;
	/** Only those that come after this one in the order of the list. */
	before?: Pick<Session, "sessionKey" | "updatedAt">;
	agentId?: string;
	/** The third part of the key. */
	dialog?: string;
}

/** A summary as it lies in the store. */
export type StoredSummary = SummaryMessage & { id: number; timestamp: number };

/** What is looked for in what people and models have said; results of tools, summaries and the like are not looked through. */
export interface MessageQuery {
	/** Words as a person writes them, in any language. */
	text: string;
	/** Only in these sessions, and in what resets have kept of them. */
	sessionKeys: readonly string[];
	/** At most so many. */
	limit: number;
	/** Only what was said before this message of its session; other sessions are then not looked through. */
	before?: { sessionKey: string; id: number };
	/** Only where at least this share of the words that tell anything stands in one message, 0 to 1. */
	minShare?: number;
}

/** A message that was accepted and whose turn has not ended: what a restart has to take up. */
export interface WaitingMessage extends InboundMessage {
	/** The run that will answer it. */
	runId: string;
	/** Where it came in; it need not be the dialog in the key. */
	dialog: string;
	/** Milliseconds since 1970. */
	receivedAt: number;
	/** The run whose turn has taken it in, with others perhaps: it is in its session. */
	takenBy?: string;
	/** How often its turn has begun, also where it has not come to take it in. */
	attempts?: number;
}

/** What a store holds. */
export interface StoreStatistics {
	sessions: number;
	/** The tokens of all answers since the time that was asked about. */
	usage: Usage;
}

/** How well a store can do its work; where it cannot, why, in a sentence for a person. */
export interface StoreHealth {
	isWell: boolean;
	problem?: string;
}

/**
 * Where sessions are kept. A message is safe once `saveMessage` has resolved: no kill of the process loses it or tears
 * another one. Reading never sees half a message. Keys are those of `core/session.ts`; texts come back exactly as they
 * were given, whatever characters they hold. A `replay` is not kept. Every method throws `storage_failed`, with the
 * cause, where the store cannot be read or written.
 */
export interface SessionStore {
	getSession(sessionKey: string): Promise<Session | undefined>;
	/**
	 * Adds a message to the end of a session, which it makes where it is missing. Messages lie in the order they were given
	 * in, also those that are not waited for. With `runIds` it is what was accepted for those runs: they are taken by the
	 * first of them, with one attempt at least, from the moment that this is safe.
	 */
	saveMessage(
		sessionKey: string,
		message: Message,
		timestamp: number,
		runIds?: readonly string[],
	): Promise<StoredMessage>;
	/**
	 * The last `limit` messages, oldest first; with `before`, the last of those whose id is smaller. Empty where there is
	 * no such session.
	 */
	getHistory(
		sessionKey: string,
		limit: number,
		before?: number,
	): Promise<StoredMessage[]>;
	/** Sessions, the one used last first; those of the same time by their keys. */
	listSessions(query?: SessionQuery): Promise<SessionSummary[]>;
	/** All messages of a session, oldest first, read as they are asked for. */
	exportSession(sessionKey: string): AsyncIterable<StoredMessage>;
	/**
	 * Empties a session; what was said in it is kept under `formatArchiveKey`. Gives that key, or nothing where there was
	 * nothing to keep.
	 */
	resetSession(
		sessionKey: string,
		timestamp: number,
	): Promise<string | undefined>;
	/** Removes a session and all its messages. False where there is none. */
	deleteSession(sessionKey: string): Promise<boolean>;
	/**
	 * Keeps a message until its turn takes it in; once this has resolved, no kill and no power cut loses it. Gives the run that answers it:
	 * its own, or the one of the first message with this dialog and `messageId`, which is then all that is kept. A repeat
	 * is known for a day at least, through restarts, also when its turn has ended.
	 */
	acceptMessage(message: WaitingMessage): Promise<string>;
	/** Every accepted message that is not finished, the oldest first. */
	waitingMessages(): Promise<WaitingMessage[]>;
	/** Puts another text and other files in the place of an accepted message's, unless a turn has taken it: false then. */
	amendMessage(
		runId: string,
		change: Pick<WaitingMessage, "text" | "files">,
	): Promise<boolean>;
	/** The turn of this run begins once more: one attempt more for all that it has taken, or for its message where it has not taken that. */
	countAttempt(runId: string): Promise<void>;
	/**
	 * The turn of accepted messages has ended, or nobody wants one any more: they wait no longer, and what is to be said
	 * about it is in the outbox, both or neither. Repeats of them are still known.
	 */
	finishMessages(
		runIds: readonly string[],
		parts?: readonly OutboxPart[],
	): Promise<void>;
	/** Adds parts to the outbox, or puts them in the place of those of the same names. */
	saveParts(parts: readonly OutboxPart[]): Promise<void>;
	/** The pending parts of a dialog that are due some day, in the order in which they were first saved. */
	pendingParts(dialog: string): Promise<OutboxPart[]>;
	/** The parts of one message that are still known, in order: sent and failed ones for a day at least. */
	partsOf(deliveryId: string): Promise<OutboxPart[]>;
	/** The part that a dialog's platform calls so, of those that are still known; of several the one first saved last. */
	findPart(dialog: string, platformId: string): Promise<OutboxPart | undefined>;
	/** The summary of a session that was saved last. */
	findSummary(sessionKey: string): Promise<StoredSummary | undefined>;
	/** The places that match best, the best first. Empty where none does. */
	searchMessages(query: MessageQuery): Promise<Passage[]>;
	/** Gives back what deleted sessions have left, a little at a time, so that nobody waits for it. To be done once a day. */
	tidy(): Promise<void>;
	/** Counts what is there: all sessions, and the tokens used since a time, milliseconds since 1970. */
	statistics(since: number): Promise<StoreStatistics>;
	/**
	 * Leaves the store whole on disk. What still waits for another program is tried once more and then fails. Nothing may be
	 * asked of it afterwards.
	 */
	close(): Promise<void>;
}

/** A kind of store: the word `storage.driver` in aeon.json names it in `registry.ts`. */
export interface StoreDriver<Options = never> {
	/** What the section `storage` may have for this driver. Defaults live here. */
	readonly options: ZodMiniObject;
	/** Opens the store, creating and migrating what is missing. Throws `storage_failed`, and `conflict` where a newer Aeon wrote it. */
	open(options: Options): Promise<SessionStore>;
	/**
	 * Puts a damaged store out of the way with all that belongs to it, and its newest whole backup in its place, where
	 * there is one. Gives what was done as a sentence for a person. No store of these options may be open meanwhile.
	 */
	recover?(
		options: Options,
		timestamp: number,
		backups: readonly StoreBackup[],
	): Promise<string>;
	/**
	 * Makes a file or folder at `target` that holds all that the store held when this began, and can be put in the place that
	 * the driver's first option names. Another process may go on writing into the store meanwhile.
	 */
	copy(options: Options, target: string): Promise<void>;
	/** Throws `storage_failed` where what `copy` made is not whole, and `conflict` where a newer Aeon made it. */
	verify(target: string): Promise<void>;
	/** Everything in the store, in the order in which `load` takes it. No other process may write meanwhile. */
	dump(options: Options): AsyncIterable<StoreEntry>;
	/** Fills an empty store. Throws `conflict` where it is not empty. */
	load(options: Options, entries: AsyncIterable<StoreEntry>): Promise<void>;
}

/** A backup of a store, wherever it lies. */
export interface StoreBackup {
	/** Milliseconds since 1970. */
	madeAt: number;
	/** Puts what `copy` made at this path. Throws where it cannot be read whole. */
	extract(target: string): Promise<void>;
}

/**
 * A piece of a store on its way into another kind of store. Each session is followed by its messages in order; then comes
 * what was accepted, in that order, and what is to be said, in the order of its first saving. Times are milliseconds since
 * 1970.
 */
export type StoreEntry =
	| { kind: "session"; session: Session }
	| { kind: "message"; sessionKey: string; message: StoredMessage }
	| {
			kind: "accepted";
			/** Of a finished one the text is empty. */
			message: WaitingMessage;
			/** When its session got it. */
			takenAt?: number;
			finishedAt?: number;
	  }
	| {
			kind: "part";
			part: OutboxPart;
			/** When it was first known to be sent or failed. */
			settledAt?: number;
	  };
