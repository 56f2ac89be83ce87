// What of all that was said, and of what is remembered, goes below a new message for the model to see.

import { orAborted } from "../core/abort.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Fact, Passage, UserMemory } from "../core/memory.ts";
import type { SpokenMessage } from "../core/message.ts";
import type { SessionStore } from "../storage/store.ts";
import { estimateTokens } from "./budget.ts";
import { type StoredSpoken, splitTurns } from "./history.ts";
import { estimateShown, SUMMARY_SHARE, tokenBudget } from "./prompt.ts";
import { formatDate } from "./time.ts";
import type { Turn } from "./turn.ts";

/** What recalling needs. */
export interface RecallParts {
	store: SessionStore;
	logger: Logger;
	clock: Pick<Clock, "now">;
	/** What is remembered of the user of a session; nothing is recalled where there is none. */
	memory(sessionKey: string): UserMemory | undefined;
	/** How long a turn waits for it. */
	recallTimeoutMs: number;
}

/** So much longer it may take to find what needs no network. */
const GRACE_MS = 500;

const COMPLAINT_MS = 3_600_000;

const MAX_FACTS = 8;
const MAX_PASSAGES = 3;
/** So many are looked for, because the same question, asked before, matches best and says nothing. */
const CANDIDATES = 6;
/** Of the words that tell anything, a passage must have this share. */
const MIN_SHARE = 0.5;

/** The share of the room for messages, and the characters, that all of it may take; and what one of it may. */
const ROOM_SHARE = 0.05;
const MAX_LENGTH = 1_600;
const MAX_FACT = 400;
const MAX_PASSAGE = 300;
/** Facts take no more of it than this share where there are passages. */
const FACTS_SHARE = 2 / 3;
const LETTERS_PER_TOKEN = 3;

/** Of a longer text the beginning is looked for. */
const MAX_QUERY = 2_000;

const COMMAND = /^\/[a-z]+(?:\s|$)/i;

const FACTS = "[What you remember that may matter here]";
const PASSAGES = "[Said earlier in this conversation]";

/** Finds what may matter to a message. No turn fails or waits long because of it. */
export class Recall {
	readonly #parts: RecallParts;
	#complainedAt = Number.NEGATIVE_INFINITY;

	constructor(parts: RecallParts) {
		this.#parts = parts;
	}

	/**
	 * What is to stand below a text, which is new in the turn's session; undefined where nothing is. Throws only what the
	 * signal says.
	 */
	async find(turn: Turn, text: string): Promise<string | undefined> {
		const { agent, sessionKey, signal } = turn.parts;
		if (text.trim() === "" || COMMAND.test(text)) return undefined;
		const room = tokenBudget(agent);
		if (estimateTokens(text) > room / 2) return undefined;
		const memory = await this.#attempt(signal, () =>
			this.#parts.memory(sessionKey),
		);
		if (!memory) return undefined;
		const query = text.slice(0, MAX_QUERY).toWellFormed();
		const seen = seenWith(turn, text);
		const { recallTimeoutMs: timeoutMs } = this.#parts;
		// What words find is given then; only a disk that hangs needs the second one.
		const late = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
		const either = AbortSignal.any([
			signal,
			AbortSignal.timeout(timeoutMs + GRACE_MS),
		]);
		const [facts = [], passages = []] = await Promise.all([
			this.#attempt(signal, () =>
				orAborted(memory.search(query, MAX_FACTS, late), either),
			),
			this.#attempt(signal, () =>
				orAborted(this.#passages(turn, query, seen), either),
			),
		]);
		signal.throwIfAborted();
		if (facts.length === 0 && passages.length === 0) return undefined;
		const known = new Set(seen.flatMap(recalledLines));
		const isNew = (line: string) => !known.has(line);
		const asked = inline(text, MAX_PASSAGE);
		return compose(
			facts.map(asFactLine).filter(isNew),
			passages
				.filter((one) => inline(one.text, MAX_PASSAGE) !== asked)
				.map(asPassageLine)
				.filter((line, at, all) => isNew(line) && all.indexOf(line) === at)
				.slice(0, MAX_PASSAGES),
			room * ROOM_SHARE,
		);
	}

	/** What was said in the session before all that the model sees. */
	async #passages(
		{ context, isCut, summary, parts: { sessionKey } }: Turn,
		text: string,
		seen: readonly StoredSpoken[],
	): Promise<Passage[]> {
		const isAll = seen.length === context.length && !isCut && !summary;
		if (context.length === 0 || isAll) return [];
		const id = seen[0]?.id ?? Number.MAX_SAFE_INTEGER;
		return this.#parts.store.searchMessages({
			text,
			sessionKeys: [sessionKey],
			limit: CANDIDATES,
			before: { sessionKey, id },
			minShare: MIN_SHARE,
		});
	}

	/** What a search gives; where it fails nothing, and that is told once in a while. */
	async #attempt<T>(
		signal: AbortSignal,
		search: () => T | Promise<T>,
	): Promise<T | undefined> {
		try {
			return await search();
		} catch (error) {
			signal.throwIfAborted();
			const { logger, clock } = this.#parts;
			if (clock.now() - this.#complainedAt >= COMPLAINT_MS) {
				this.#complainedAt = clock.now();
				logger.warn("recall.failed", { error });
			}
			return undefined;
		}
	}
}

/** The lines under their headings, as many as there is room for. */
function compose(
	facts: readonly string[],
	passages: readonly string[],
	tokens: number,
): string | undefined {
	const lines: string[] = [];
	const add = (heading: string, some: readonly string[], maxLength: number) => {
		let toAdd = [heading];
		for (const line of some) {
			const whole = [...lines, ...toAdd, line].join("\n");
			if (whole.length > maxLength || estimateTokens(whole) > tokens) continue;
			lines.push(...toAdd, line);
			toAdd = [];
		}
	};
	const length = Math.min(MAX_LENGTH, tokens * LETTERS_PER_TOKEN);
	add(FACTS, facts, passages.length > 0 ? length * FACTS_SHARE : length);
	add(PASSAGES, passages, length);
	return lines.length > 0 ? lines.join("\n") : undefined;
}

function asFactLine({ text }: Fact): string {
	return `- ${inline(text, MAX_FACT)}`;
}

function asPassageLine({ role, text, timestamp }: Passage): string {
	const date = formatDate(new Date(timestamp));
	return `- ${date} ${role}: ${inline(text, MAX_PASSAGE)}`;
}

function recalledLines(message: SpokenMessage): string[] {
	return message.role === "user" ? (message.recalled?.split("\n") ?? []) : [];
}

/** A text in one line, cut to so many characters. */
function inline(text: string, maxLength: number): string {
	const line = text.replace(/\s+/g, " ").trim();
	return line.length <= maxLength
		? line
		: `${line.slice(0, maxLength - 1).toWellFormed()}…`;
}

/** What of the context the model sees with a new text: the newest turns that have room beside the summary and what is recalled. */
function seenWith(
	{ context, summary, parts: { agent } }: Turn,
	text: string,
): StoredSpoken[] {
	const room = tokenBudget(agent);
	const before = summary ? estimateTokens(summary.content) : 0;
	let left = room * (1 - ROOM_SHARE) - estimateTokens(text);
	left -= Math.min(before, room * SUMMARY_SHARE);
	const seen: StoredSpoken[][] = [];
	for (const turn of splitTurns(context).reverse()) {
		left -= estimateShown(turn);
		if (left < 0) break;
		seen.unshift(turn);
	}
	return seen.flat();
}
