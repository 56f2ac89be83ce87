// What of a session is to be summed up: its turns since the last summary, as text, and how many of them.

import type { SessionStore } from "../storage/store.ts";
import { clipToTokens, estimateMessages, estimateTokens } from "./budget.ts";
import { readBack } from "./context.ts";
import type { StoredSpoken } from "./history.ts";
import { asShown } from "./prompt.ts";
import { filesOf, transcribe } from "./summary.ts";

/** Turns that always stay as they are. */
export const KEPT_TURNS = 2;

/** Larger ids are only what messages are called that are not in the store yet. */
export const MAX_ID = 2 ** 50;

/** What a turn's last message is known by. */
type End = Pick<StoredSpoken, "id" | "role" | "timestamp"> & { length: number };

/** A turn that may be summed up. */
export interface PastTurn {
	/** How many messages it has. */
	messages: number;
	/** Tokens that it takes in a request of the conversation. */
	weight: number;
	/** What the writer sees of it, and the tokens of that. */
	transcript: string;
	tokens: number;
	/** Paths that it names. */
	files: string[];
	end: End;
}

/** Which turns are read. */
export interface BacklogQuery {
	store: SessionStore;
	sessionKey: string;
	signal: AbortSignal;
	/** Only messages with a greater id. */
	through: number;
	/** Of more the oldest are left out. */
	maxTokens: number;
	/** The id of the first message of the turn that runs now, once all is read. */
	runningFrom(): number | undefined;
}

/** What stays as it is beside the last two turns: turns that take no more than this together. */
export interface Kept {
	tokens: number;
	messages: number;
}

/** The turns since a message, whole and ended, the oldest first. None where their ids are not known yet. */
export async function readBacklog(query: BacklogQuery): Promise<PastTurn[]> {
	const { maxTokens, runningFrom, ...reading } = query;
	/** The newest first, as they are read. */
	const turns: PastTurn[] = [];
	let parts: PastTurn[] = [];
	let tokens = 0;
	const endTurn = () => {
		const turn = join(parts.reverse());
		if (turn) turns.push(turn);
		parts = [];
	};
	for await (const { messages, isLast } of readBack(reading)) {
		for (const message of messages.toReversed()) {
			if (message.id > MAX_ID) return [];
			const part = describe(message);
			tokens += part.tokens;
			parts.push(part);
			if (message.role === "user") endTurn();
		}
		if (tokens > maxTokens) break;
		// The store may have lost how the first turn began.
		if (isLast) endTurn();
	}
	const from = runningFrom() ?? Number.POSITIVE_INFINITY;
	return turns.filter(({ end }) => end.id < from).reverse();
}

/** How many of the oldest turns are summed up. */
export function chooseCut(
	turns: readonly Pick<PastTurn, "weight" | "messages">[],
	kept: Kept,
): number {
	let { tokens, messages } = kept;
	for (let cut = turns.length; cut > 0; cut--) {
		const turn = turns[cut - 1];
		tokens -= turn?.weight ?? 0;
		messages -= turn?.messages ?? 0;
		const isWanted = turns.length - cut < KEPT_TURNS;
		if (!isWanted && (tokens < 0 || messages < 0)) return cut;
	}
	return 0;
}

/**
 * Takes the oldest turns out of the list that fit into a request together, and gives them as one; one that does not fit
 * alone is cut in its middle. Nothing where there is none.
 */
export function takeChunk(
	turns: PastTurn[],
	tokens: number,
): PastTurn | undefined {
	let count = 0;
	let room = tokens;
	for (const turn of turns) {
		room -= turn.tokens;
		if (room < 0 && count > 0) break;
		count++;
	}
	const chunk = join(turns.splice(0, count));
	return (
		chunk && { ...chunk, transcript: clipToTokens(chunk.transcript, tokens) }
	);
}

/** True where the message that a turn ends with is still the one in the store. */
export function isSame(end: End, found: StoredSpoken | undefined): boolean {
	return (
		found?.id === end.id &&
		found.role === end.role &&
		found.timestamp === end.timestamp &&
		found.content.length === end.length
	);
}

function describe(message: StoredSpoken): PastTurn {
	const transcript = transcribe(message);
	const { id, role, timestamp, content } = message;
	return {
		messages: 1,
		weight: estimateMessages([asShown(withoutFiles(message))]),
		transcript,
		tokens: estimateTokens(transcript),
		files: filesOf(message),
		end: { id, role, timestamp, length: content.length },
	};
}

/** Older pictures are only named in a request. */
function withoutFiles(message: StoredSpoken): StoredSpoken {
	if (message.role === "assistant") return message;
	const { attachments: _, ...rest } = message;
	return rest;
}

/** Parts in a row as one. */
function join(parts: readonly PastTurn[]): PastTurn | undefined {
	const last = parts.at(-1);
	const sum = (of: (part: PastTurn) => number) =>
		parts.reduce((total, part) => total + of(part), 0);
	return (
		last && {
			messages: sum(({ messages }) => messages),
			weight: sum(({ weight }) => weight),
			transcript: parts.map(({ transcript }) => transcript).join(""),
			tokens: sum(({ tokens }) => tokens),
			files: parts.flatMap(({ files }) => files),
			end: last.end,
		}
	);
}
