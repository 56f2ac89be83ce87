// What a store has not taken yet: writes in the order they were given, in a bounded piece of memory.

import { decodeMessage, encodeMessage, place } from "./record.ts";
import type { StoredMessage, WaitingMessage } from "./store.ts";
import {
	type Accepting,
	isLoss,
	runsOf,
	type Saving,
	type Write,
} from "./writes.ts";

const MAX_WRITES = 4_000;
const MAX_BYTES = 8 * 1024 * 1024;

/** How many ids of messages that were saved later are remembered. */
const MAX_NAMES = 2_000;

/** Larger than any id, where nobody knows the ids in the store. */
const FAR = 2 ** 52;

/** Writes that wait for the store to be well again. Beyond a bound the oldest are given up. */
export class Unsaved {
	/** The oldest first. */
	readonly #sizes = new Map<Write, number>();
	/** By session; the one that failed last comes last. */
	readonly #sessions = new Map<string, Set<Write>>();
	/** What messages were called while they were kept: session and id, to the id in the store. */
	readonly #names = new Map<string, number>();
	readonly #lost = new Map<string, number>();
	#bytes = 0;

	get isEmpty(): boolean {
		return this.#sizes.size === 0;
	}

	has(sessionKey: string): boolean {
		return this.#sessions.has(sessionKey);
	}

	/** Keeps a write. A message gets an id behind the last one of its session, `last`, or behind all where that is unknown. */
	keep(write: Write, last: number | undefined): void {
		if (write.kind === "save") {
			write.stored = this.#asStored(write, last);
			// Without its replay, which may be large and is not kept anyhow.
			write.message = write.stored;
		}
		const kept = write.kind === "save" ? write.stored : write;
		const size = Buffer.byteLength(JSON.stringify(kept));
		this.#sizes.set(write, size);
		this.#bytes += size;
		const session = this.#sessions.get(write.sessionKey) ?? new Set();
		this.#sessions.set(write.sessionKey, session.add(write));
		for (const [oldest] of this.#sizes) {
			const isBounded =
				this.#sizes.size <= MAX_WRITES && this.#bytes <= MAX_BYTES;
			if (isBounded) break;
			this.giveUp(oldest);
		}
	}

	/** The sessions that wait, the one that failed last at the end. */
	sessions(): string[] {
		return [...this.#sessions.keys()];
	}

	/** What waits in a session, in order, with what comes while it is gone through. */
	writes(sessionKey: string): Iterable<Write> {
		return this.#sessions.get(sessionKey) ?? [];
	}

	/** Lets the other sessions go first. */
	postpone(sessionKey: string): void {
		const session = this.#sessions.get(sessionKey);
		if (!session) return;
		this.#sessions.delete(sessionKey);
		this.#sessions.set(sessionKey, session);
	}

	/** Forgets a write that is done. `name` is what a message was called before. */
	settle(write: Write, name: number | undefined): void {
		this.#remove(write);
		if (write.kind !== "save" || !write.stored || name === undefined) return;
		this.#names.set(nameOf(write.sessionKey, name), write.stored.id);
		for (const [oldest] of this.#names) {
			if (this.#names.size <= MAX_NAMES) break;
			this.#names.delete(oldest);
		}
	}

	/** Forgets a write that will never be done. */
	giveUp(write: Write): void {
		if (!this.#remove(write) || !isLoss(write)) return;
		const { sessionKey } = write;
		this.#lost.set(sessionKey, (this.#lost.get(sessionKey) ?? 0) + 1);
	}

	/** How many writes of which sessions were given up since this was asked last. */
	takeLosses(): [sessionKey: string, count: number][] {
		const losses = [...this.#lost];
		this.#lost.clear();
		return losses;
	}

	/** The id in the store of a message that was called so while it was kept; any other id as it is. */
	idOf(sessionKey: string, name: number): number {
		return this.#names.get(nameOf(sessionKey, name)) ?? name;
	}

	/** All that is kept, the oldest first. */
	all(): Write[] {
		return [...this.#sizes.keys()];
	}

	/** The kept messages of a session, or of all, the oldest first. */
	messages(sessionKey?: string): Saving[] {
		const writes =
			sessionKey === undefined
				? this.#sizes.keys()
				: (this.#sessions.get(sessionKey) ?? []);
		return [...writes].filter((write) => write.kind === "save");
	}

	/** Where a write about these runs and deliveries comes behind what is kept of them; undefined where nothing is. */
	findSession(
		runIds: readonly string[],
		deliveryIds: readonly string[] = [],
	): string | undefined {
		const isAbout = (write: Write) =>
			runsOf(write).some((run) => runIds.includes(run)) ||
			(write.kind === "finish" &&
				write.parts.some((part) => deliveryIds.includes(part.deliveryId)));
		return this.#sizes.keys().find(isAbout)?.sessionKey;
	}

	/** The accepted message that this one repeats. */
	findAccepted({
		runId,
		dialog,
		messageId,
	}: WaitingMessage): Accepting | undefined {
		const isRepeat = ({ waiting }: Accepting) =>
			messageId !== undefined &&
			waiting.messageId === messageId &&
			waiting.dialog === dialog;
		const accepted = this.all().filter((write) => write.kind === "accept");
		return (
			accepted.find(isRepeat) ??
			accepted.find(({ waiting }) => waiting.runId === runId)
		);
	}

	#remove(write: Write): boolean {
		const size = this.#sizes.get(write);
		if (size === undefined) return false;
		this.#sizes.delete(write);
		this.#bytes -= size;
		const session = this.#sessions.get(write.sessionKey);
		session?.delete(write);
		if (session?.size === 0) this.#sessions.delete(write.sessionKey);
		return true;
	}

	/** The least id that the store can give it later, so that the order of ids stays that of the messages. */
	#asStored(
		{ sessionKey, message, timestamp }: Saving,
		last = FAR,
	): StoredMessage {
		const before = this.messages(sessionKey).at(-1)?.stored?.id ?? last;
		const { role, content, metadata } = encodeMessage(message);
		const id = before + 1;
		return place(decodeMessage(role, content, metadata), id, timestamp);
	}
}

function nameOf(sessionKey: string, id: number): string {
	return `${id} ${sessionKey}`;
}
