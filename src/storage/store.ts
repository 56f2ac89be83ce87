// The port to storage: sessions and their messages, kept through power cuts.

import type { ZodMiniObject } from "zod/mini";
import type { Message } from "../core/message.ts";

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
	 * in, also those that are not waited for.
	 */
	saveMessage(
		sessionKey: string,
		message: Message,
		timestamp: number,
	): Promise<StoredMessage>;
	/** The last `limit` messages, oldest first. Empty where there is no such session. */
	getHistory(sessionKey: string, limit: number): Promise<StoredMessage[]>;
	/** Sessions, the one used last first. */
	listSessions(limit?: number): Promise<SessionSummary[]>;
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
	 * Leaves the store whole on disk. What still waits for another program is tried once more and then fails. Nothing may be
	 * asked of it afterwards.
	 */
	close(): Promise<void>;
}

/** A kind of store: the word `storage.driver` in aeon.json names it in `registry.ts`. */
export interface StoreDriver<Options = never> {
	/** What the section `storage` may have for this driver. Defaults live here. */
	readonly options: ZodMiniObject;
	/** Opens the store, creating and migrating what is missing. Throws `storage_failed`. */
	open(options: Options): Promise<SessionStore>;
}
