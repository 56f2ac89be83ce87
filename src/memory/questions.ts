// The vectors of what is searched for: each is asked for once, and none while the endpoint fails.

import { orAborted } from "../core/abort.ts";
import type { Clock } from "../core/clock.ts";
import { AeonError } from "../core/errors.ts";
import type { Embedder } from "./embedder.ts";

/** A search waits no longer for what its words mean. */
const TIMEOUT_MS = 1_200;

/** So many vectors are kept: the same is asked for again when a message is looked up and then searched for. */
const KEPT = 20;

/** After so many failures one after the other nothing is asked for a while, which grows. */
const PATIENCE = 3;
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 30 * 60_000;

/** What searches need of an embedder. */
export class Questions {
	readonly #embedder: Embedder;
	readonly #clock: Clock;
	readonly #ending: AbortSignal;
	/** The least recently used first. */
	readonly #vectors = new Map<string, Promise<Float32Array | undefined>>();
	#failures = 0;
	#pausedUntil = Number.NEGATIVE_INFINITY;

	/** Nothing is asked any more once `ending` is aborted. */
	constructor(embedder: Embedder, clock: Clock, ending: AbortSignal) {
		this.#embedder = embedder;
		this.#clock = clock;
		this.#ending = ending;
	}

	/**
	 * The vector of a text; undefined where the endpoint fails, is too slow or is left alone. The signal ends the waiting, not
	 * the question.
	 */
	async vector(
		text: string,
		signal: AbortSignal,
	): Promise<Float32Array | undefined> {
		const known = this.#vectors.get(text);
		if (!known && this.#clock.now() < this.#pausedUntil) return undefined;
		const asked = known ?? this.#ask(text);
		this.#vectors.delete(text);
		this.#vectors.set(text, asked);
		for (const oldest of this.#vectors.keys())
			if (this.#vectors.size > KEPT) this.#vectors.delete(oldest);
		try {
			return await orAborted(asked, signal);
		} catch (error) {
			if (!signal.aborted) throw error;
			return undefined;
		}
	}

	async #ask(text: string): Promise<Float32Array | undefined> {
		try {
			const [vector] = await this.#embedder.embed(
				[text],
				TIMEOUT_MS,
				this.#ending,
			);
			this.#failures = 0;
			return vector;
		} catch (error) {
			this.#vectors.delete(text);
			if (!this.#ending.aborted) this.#failed(error);
			return undefined;
		}
	}

	#failed(error: unknown): void {
		// What was under way already when the pause began does not make it longer.
		if (this.#clock.now() < this.#pausedUntil) return;
		const doublings = ++this.#failures - PATIENCE;
		const wantedMs = error instanceof AeonError ? error.retryAfterMs : 0;
		const pauseMs =
			doublings < 0
				? 0
				: Math.min(FIRST_PAUSE_MS * 2 ** doublings, LONGEST_PAUSE_MS);
		this.#pausedUntil = this.#clock.now() + Math.max(pauseMs, wantedMs ?? 0);
	}
}
