// What a store holds, as numbers that are the same whatever kind of store it is.

import { platform } from "../core/platform.ts";
import { bodyOf, bodySchema } from "./inbox_record.ts";
import { partSchema } from "./outbox_record.ts";
import { encodeMessage } from "./record.ts";
import type { StoredMessage, StoreEntry } from "./store.ts";
import { Numbers } from "./transfer_ids.ts";

type Entry<Kind extends StoreEntry["kind"]> = Extract<
	StoreEntry,
	{ kind: Kind }
>;

/** What a dump came to. */
export interface Digest {
	sessions: number;
	messages: number;
	accepted: number;
	parts: number;
	/** One SHA-256 over everything, in hexadecimal. */
	hash: string;
	/** One of each session with its messages, each accepted message and each part, by what a person may call them; in the order in which `hash` has them. */
	pieces: ReadonlyMap<string, string>;
}

/** Counts the entries of a dump, in their order, and hashes what is in them: all but the ids that each store gives by itself. */
export class Digesting {
	readonly #counts = { session: 0, message: 0, accepted: 0, part: 0 };
	readonly #sessions = new Map<string, string>();
	readonly #accepted = new Map<string, string>();
	readonly #parts = new Map<string, string>();
	/** Of the session that the last messages belong to. */
	#ids = new Numbers();

	add(entry: StoreEntry): void {
		const place = this.#counts[entry.kind]++;
		switch (entry.kind) {
			case "session": {
				const { sessionKey, agentId, createdAt, updatedAt } = entry.session;
				this.#ids = new Numbers();
				const line = [agentId, createdAt, updatedAt];
				put(this.#sessions, `the session ${sessionKey}`, line);
				break;
			}
			case "message": {
				const line = this.#lineOf(entry.message);
				put(this.#sessions, `the session ${entry.sessionKey}`, line);
				break;
			}
			case "accepted": {
				const line = [place, ...acceptedLine(entry)];
				const { runId } = entry.message;
				put(this.#accepted, `the message accepted for ${runId}`, line);
				break;
			}
			case "part": {
				const line = [place, ...partLine(entry)];
				const { deliveryId, part } = entry.part;
				put(this.#parts, `part ${part} of the delivery ${deliveryId}`, line);
			}
		}
	}

	result(): Digest {
		const all = [this.#sessions, this.#accepted, this.#parts];
		const pieces = new Map(all.flatMap(sorted));
		return {
			sessions: this.#counts.session,
			messages: this.#counts.message,
			accepted: this.#counts.accepted,
			parts: this.#counts.part,
			hash: [...pieces].reduce(hashOn, hashOn("", this.#counts)),
			pieces,
		};
	}

	/** What a summary stands for is told by the place of that message. */
	#lineOf(message: StoredMessage): unknown[] {
		this.#ids.push(message.id);
		const { role, content, metadata } = encodeMessage(
			message.role === "summary"
				? { ...message, through: this.#ids.countUpTo(message.through) }
				: message,
		);
		return [role, content, metadata, message.timestamp];
	}
}

/** What a dump came to. */
export async function digestOf(
	entries: AsyncIterable<StoreEntry>,
): Promise<Digest> {
	const digesting = new Digesting();
	for await (const entry of entries) digesting.add(entry);
	return digesting.result();
}

/** What one of two stores has and the other has not, or has otherwise, as a person may call it; the first such thing. */
export function findDifference(one: Digest, other: Digest): string | undefined {
	const names = [...one.pieces.keys(), ...other.pieces.keys()];
	return names.find((name) => one.pieces.get(name) !== other.pieces.get(name));
}

function acceptedLine(entry: Entry<"accepted">): unknown[] {
	const { message, takenAt, finishedAt } = entry;
	const { runId, dialog, messageId, sessionKey, takenBy } = message;
	return [
		...[runId, dialog, messageId, sessionKey, takenBy].map(asStored),
		message.receivedAt,
		message.attempts ?? 0,
		takenAt ?? null,
		finishedAt ?? null,
		bodySchema.parse(bodyOf(message)),
	];
}

function partLine({ part, settledAt }: Entry<"part">): unknown[] {
	const { deliveryId, dialog, to, sessionKey, platformId, ...rest } =
		partSchema.parse(part);
	return [
		...[deliveryId, dialog, to, sessionKey, platformId].map(asStored),
		rest,
		settledAt ?? null,
	];
}

/** A database keeps an id as UTF-8, which has no half of a surrogate pair. */
function asStored(id: string | undefined): string | null {
	return id?.toWellFormed() ?? null;
}

/** A chain, so that nothing large is ever in memory. */
function put(hashes: Map<string, string>, name: string, value: unknown): void {
	const whole = name.toWellFormed();
	hashes.set(whole, hashOn(hashes.get(whole) ?? "", value));
}

function hashOn(before: string, value: unknown): string {
	return platform.sha256(`${before}\n${JSON.stringify(value)}`);
}

function sorted(hashes: ReadonlyMap<string, string>): [string, string][] {
	return [...hashes].sort(([a], [b]) => Number(a > b) - Number(a < b));
}
