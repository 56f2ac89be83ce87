// What must be the same when a store has gone through another kind of store; transfer.test.ts runs it both ways.

import { expect } from "bun:test";
import { PART_STATES } from "../../src/core/delivery.ts";
import { type Message, STOP_REASONS } from "../../src/core/message.ts";
import type {
	SessionStore,
	StoredMessage,
	StoreEntry,
	WaitingMessage,
} from "../../src/storage/store.ts";
import { NAUGHTY_TEXTS } from "./store_contract.ts";

const NOW = 1_760_000_000_000;
const DAY = 24 * 60 * 60 * 1000;
const KEY_CHARACTERS = [..."aA#5:% /\\.~\0\n*\"'ü", "\u0308", "😀", "\uffff"];

/** A source of chance, by its numbers from 0 to 1. */
export class Chance {
	readonly #random: () => number;

	constructor(random: () => number) {
		this.#random = random;
	}

	/** From 0 up to, but not, the limit. */
	below(limit: number): number {
		return Math.floor(this.#random() * limit);
	}

	is(share = 0.5): boolean {
		return this.#random() < share;
	}

	of<T>(all: readonly T[]): T {
		return all[this.below(all.length)] as T;
	}

	/** The value now and then, otherwise no field. */
	maybe<T>(name: string, value: T): object {
		return this.is() ? { [name]: value } : {};
	}

	text(): string {
		return this.is()
			? this.of(NAUGHTY_TEXTS)
			: `${this.of(NAUGHTY_TEXTS)}${this.below(1e9)}${"ü".repeat(this.below(300))}`;
	}

	time(): number {
		return NOW + this.below(1e9) - (this.is(0.2) ? 1e10 : 0);
	}
}

/** A store of every kind of thing that there can be in one. */
export function randomStore(chance: Chance): StoreEntry[] {
	const keys = new Set<string>();
	while (keys.size < 1 + chance.below(6)) keys.add(randomKey(chance));
	if (chance.is()) for (const key of [...keys]) keys.add(`${key}#${NOW}`);
	return [
		...[...keys].flatMap((key) => randomSession(chance, key)),
		...randomAccepted(chance, [...keys]),
		...randomParts(chance),
	];
}

function randomKey(chance: Chance): string {
	const length = chance.is(0.1) ? 200 : 1 + chance.below(12);
	const user = Array.from({ length }, () => chance.of(KEY_CHARACTERS)).join("");
	return `agent:${chance.of(["main", "Other_1"])}:${chance.of(["cli", "telegram"])}:${user}`;
}

function randomSession(chance: Chance, sessionKey: string): StoreEntry[] {
	const messages: StoredMessage[] = [];
	for (let count = chance.below(12); count > 0; count--) {
		const before = messages.at(-1)?.id ?? 0;
		const id = before + 1 + chance.below(500);
		const message = randomMessage(chance, messages);
		messages.push({ ...message, id, timestamp: chance.time() });
	}
	const createdAt = chance.time();
	const updatedAt = messages.at(-1)?.timestamp ?? createdAt;
	const agentId = sessionKey.split(":")[1] ?? "";
	return [
		{
			kind: "session",
			session: { sessionKey, agentId, createdAt, updatedAt },
		},
		...messages.map((message) => ({
			kind: "message" as const,
			sessionKey,
			message,
		})),
	];
}

function randomMessage(chance: Chance, before: StoredMessage[]): Message {
	const content = chance.text();
	const usage = {
		inputTokens: chance.below(1e6),
		outputTokens: chance.below(1e6),
		cacheReadTokens: 0,
		cacheWriteTokens: chance.below(10),
	};
	const attachments = [{ path: chance.text(), mimeType: "image/png" }];
	const role = chance.of(["user", "assistant", "tool", "summary"] as const);
	switch (role) {
		case "user":
			return {
				role,
				content,
				...chance.maybe("attachments", attachments),
				...chance.maybe("recalled", chance.text()),
			};
		case "tool":
			return {
				role,
				content,
				toolCallId: chance.text(),
				toolName: chance.text(),
				...chance.maybe("isError", chance.is()),
				...chance.maybe("attachments", attachments),
			};
		case "summary":
			return {
				role,
				content,
				// Of one that is there, or of nothing.
				through: before[chance.below(before.length + 1)]?.id ?? 0,
				...chance.maybe("usage", usage),
				...chance.maybe("model", chance.text()),
			};
		case "assistant":
			return {
				role,
				content,
				...chance.maybe("toolCalls", [
					{
						id: chance.text(),
						name: "exec",
						input: { command: chance.text(), deep: [{ b: 1, a: null }] },
						...chance.maybe("error", chance.text()),
					},
					{ id: "second", name: "file_read", input: {} },
				]),
				...chance.maybe("usage", usage),
				...chance.maybe("stopReason", chance.of(STOP_REASONS)),
				...chance.maybe("model", chance.text()),
				...chance.maybe("notice", chance.text()),
				...chance.maybe("trimmed", chance.is()),
				...chance.maybe("picturesRefused", chance.is()),
			};
	}
}

/** In every state in which one can be. */
function randomAccepted(chance: Chance, keys: string[]): StoreEntry[] {
	return Array.from({ length: chance.below(12) }, (_, number) => {
		const ids = {
			runId: `run ${number}${chance.is(0.2) ? "\0ü" : ""}`,
			dialog: chance.of(["cli", "telegram"]),
			...chance.maybe("messageId", `${number}\0ü`),
			sessionKey: chance.of(keys),
			receivedAt: chance.time(),
		};
		const taken = { takenBy: `run ${chance.below(12)}`, attempts: 1 };
		const message: WaitingMessage = { ...ids, ...randomBody(chance) };
		const finished: WaitingMessage = { ...ids, text: "" };
		const takenAt = chance.time();
		const finishedAt = chance.time();
		return chance.of<StoreEntry>([
			{ kind: "accepted", message },
			{ kind: "accepted", message: { ...message, attempts: 2 } },
			{ kind: "accepted", message: { ...message, ...taken }, takenAt },
			{ kind: "accepted", message: finished, finishedAt },
			{
				kind: "accepted",
				message: { ...finished, ...taken },
				takenAt,
				finishedAt,
			},
		]);
	});
}

function randomBody(chance: Chance): Pick<WaitingMessage, "text"> {
	return {
		text: chance.text(),
		...chance.maybe("attachments", [{ path: "/a", mimeType: chance.text() }]),
		...chance.maybe("files", [
			{
				kind: "voice",
				id: chance.text(),
				uniqueId: "u",
				...chance.maybe("name", chance.text()),
				...chance.maybe("seconds", 2.5),
			},
		]),
		...chance.maybe("model", chance.text()),
		...chance.maybe("reference", chance.text()),
		...chance.maybe("sender", chance.text()),
		...chance.maybe("album", chance.text()),
	};
}

function randomParts(chance: Chance): StoreEntry[] {
	return Array.from({ length: chance.below(12) }, (_, number) => {
		const state = chance.of(PART_STATES);
		return {
			kind: "part" as const,
			part: {
				deliveryId: `delivery ${chance.below(2)}\0`,
				part: number,
				dialog: chance.of(["cli", "telegram"]),
				to: "1:2 \0ü",
				...chance.maybe("sessionKey", "agent:main:cli:local"),
				content: {
					text: chance.text(),
					...chance.maybe("attachment", { path: "/a", mimeType: "b" }),
					...chance.maybe("replyTo", chance.text()),
				},
				state,
				...chance.maybe("platformId", `${chance.below(9)}`),
				...chance.maybe("triedAt", chance.text()),
				...chance.maybe("reason", chance.text()),
				attempts: chance.below(5),
				createdAt: chance.time(),
				...chance.maybe("dueAt", chance.time()),
			},
			...(state !== "pending" && chance.maybe("settledAt", chance.time())),
		};
	});
}

/** The entries without what differs between stores: a message is named by its place in its session. */
export function normal(entries: readonly StoreEntry[]): StoreEntry[] {
	const sessions = Map.groupBy(entries, keyOf);
	return [...sessions]
		.sort(([a], [b]) => Number(a > b) - Number(a < b))
		.flatMap(([, ofOne]) => {
			const ids = ofOne.flatMap((entry) =>
				entry.kind === "message" ? [entry.message.id] : [],
			);
			const place = (id: number) => ids.indexOf(id) + 1;
			return ofOne.map((entry) => {
				if (entry.kind !== "message") return entry;
				const { message } = entry;
				const id = place(message.id);
				return {
					...entry,
					message:
						message.role === "summary"
							? { ...message, id, through: place(message.through) }
							: { ...message, id },
				};
			});
		});
}

function keyOf(entry: StoreEntry): string {
	if (entry.kind === "session") return entry.session.sessionKey;
	// Behind every session.
	return entry.kind === "message" ? entry.sessionKey : "~";
}

/** Everything of a dump. */
export function collect(
	entries: AsyncIterable<StoreEntry>,
): Promise<StoreEntry[]> {
	return Array.fromAsync(entries);
}

/** Entries as `load` takes them. */
export async function* given(
	entries: readonly StoreEntry[],
): AsyncGenerator<StoreEntry> {
	yield* entries;
}

/** That a store behaves as these entries say, asked by what Aeon itself asks. */
export async function expectInUse(
	store: SessionStore,
	entries: readonly StoreEntry[],
): Promise<void> {
	const sessions = entries.flatMap((entry) =>
		entry.kind === "session" ? [entry.session] : [],
	);
	for (const session of sessions) {
		const { sessionKey } = session;
		expect(await store.getSession(sessionKey)).toStrictEqual(session);
		const messages = entries.flatMap((entry) =>
			entry.kind === "message" && entry.sessionKey === sessionKey
				? [entry.message.content]
				: [],
		);
		const history = await store.getHistory(sessionKey, 100);
		expect(history.map(({ content }) => content)).toEqual(messages);
	}
	expect(await store.listSessions()).toHaveLength(sessions.length);
	const accepted = entries.flatMap((entry) =>
		entry.kind === "accepted" ? [entry] : [],
	);
	expect(await store.waitingMessages()).toStrictEqual(
		accepted
			.filter(({ finishedAt }) => finishedAt === undefined)
			.map(({ message }) => message),
	);
	// Waiting or finished a day ago at most, a repeat of it is known.
	for (const { message, finishedAt = NOW } of accepted)
		if (message.messageId !== undefined && finishedAt > NOW - DAY)
			expect(
				await store.acceptMessage({
					...message,
					runId: `again ${message.runId}`,
					receivedAt: NOW,
				}),
			).toBe(message.runId);
	const parts = entries.flatMap((entry) =>
		entry.kind === "part" ? [entry.part] : [],
	);
	for (const dialog of ["cli", "telegram"])
		expect(await store.pendingParts(dialog)).toStrictEqual(
			parts.filter(
				(part) =>
					part.dialog === dialog &&
					part.state === "pending" &&
					part.dueAt !== undefined,
			),
		);
}
