// Embedding facts in the background: in batches, one request at a time, each fact once.

import type { Clock } from "../core/clock.ts";
import { AeonError, describeError, hasCode } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Embedder } from "./embedder.ts";
import type { MemoryFile } from "./file.ts";
import type { SignatureCache } from "./signatures.ts";
import { Slices } from "./slices.ts";
import type { Unseen } from "./vectors.ts";

const BATCH = 32;
const TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 30 * 60_000;

/** Ids that are looked through at once for facts without a vector. */
const WINDOW = 2_000;

/** What no model refuses: where it is taken and a fact is not, the fact is why. */
const PROBE = "hello";

/** What embedding needs of the others. */
export interface IndexingParts {
	file: MemoryFile;
	embedder: Embedder;
	signatures: SignatureCache;
	logger: Logger;
	clock: Clock;
	/** Everything ends as soon as this is aborted. */
	ending: AbortSignal;
}

/** Sees to it that every fact gets a vector. While all have one it does nothing, and has no timer. */
export class Indexing {
	readonly #parts: IndexingParts;
	#isBusy = false;
	#hasMore = false;
	#waiting: { due: number; stop: AbortController } | undefined;
	#problem: string | undefined;
	#work: Promise<void> = Promise.resolve();

	constructor(parts: IndexingParts) {
		this.#parts = parts;
	}

	/** Why facts wait, while it could not be helped at the last try. */
	get problem(): string | undefined {
		return this.#problem;
	}

	/** Begins so soon, or sooner where that is agreed already. Where it is at work, it looks once more before it ends. */
	begin(delayMs: number): void {
		const { clock, ending } = this.#parts;
		this.#hasMore = true;
		const due = clock.now() + delayMs;
		if (this.#isBusy || ending.aborted) return;
		if (this.#waiting && this.#waiting.due <= due) return;
		this.#waiting?.stop.abort();
		const stop = new AbortController();
		this.#waiting = { due, stop };
		clock.sleep(delayMs, AbortSignal.any([stop.signal, ending])).then(
			() => {
				this.#waiting = undefined;
				this.#isBusy = true;
				this.#work = this.#run();
			},
			() => {},
		);
	}

	/** Resolves once nothing is under way; `ending` has to be aborted before. */
	ended(): Promise<void> {
		return this.#work;
	}

	async #run(): Promise<void> {
		const { clock, ending, logger } = this.#parts;
		for (let failures = 0; !ending.aborted; ) {
			try {
				while (this.#hasMore) {
					this.#hasMore = false;
					await this.#embedAll(() => {
						failures = 0;
						this.#problem = undefined;
					});
				}
				this.#isBusy = false;
				return;
			} catch (error) {
				this.#hasMore = true;
				if (ending.aborted) return;
				this.#problem = describeError(error);
				const pauseMs = Math.max(
					Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS),
					(error instanceof AeonError && error.retryAfterMs) || 0,
				);
				logger.warn("memory.embedding_failed", { error, pauseMs });
				await clock.sleep(pauseMs, ending).catch(() => {});
			}
		}
	}

	async #embedAll(done: () => void): Promise<void> {
		const { file, embedder, logger, ending } = this.#parts;
		let count = 0;
		for await (const batch of this.#unseen()) {
			ending.throwIfAborted();
			await this.#embed(batch);
			count += batch.length;
			done();
		}
		done();
		if (count === 0) return;
		await file.write(({ vectors }) =>
			vectors.dropOthers(vectors.createModel(embedder.name).id),
		);
		logger.info("memory.embedded", { facts: count, model: embedder.name });
	}

	/** What the model has not seen, in batches, the newest facts first. */
	async *#unseen(): AsyncGenerator<Unseen[]> {
		const { file, embedder } = this.#parts;
		const slices = new Slices();
		const start = await file.read(({ facts, vectors }) => {
			const model = vectors.model(embedder.name);
			const isDone = model && vectors.seen(model.id) >= facts.count();
			return isDone ? undefined : { model, last: facts.last() };
		});
		if (!start) return;
		const { model, last } = start;
		if (model?.dimensions) embedder.expect(model.dimensions);
		for (let to = last; to > 0; await slices.next()) {
			const from = to - WINDOW + 1;
			const batch = await file.read(({ vectors }) =>
				vectors.unseen(model?.id ?? 0, from, to, BATCH),
			);
			const oldest = batch?.length === BATCH ? batch.at(-1) : undefined;
			to = (oldest?.id ?? from) - 1;
			if (batch && batch.length > 0) yield batch;
		}
	}

	async #embed(batch: Unseen[]): Promise<void> {
		const { embedder, ending } = this.#parts;
		const texts = batch.map(({ text }) => text);
		try {
			await this.#keep(batch, await embedder.embed(texts, TIMEOUT_MS, ending));
		} catch (error) {
			if (!mayBeTheText(error)) throw error;
			for (const fact of batch)
				await this.#keep([fact], [await this.#alone(fact.text)]);
		}
	}

	/** The vector of one text. Undefined where the model takes others, but not this one: it may be too long. */
	async #alone(text: string): Promise<Float32Array | undefined> {
		const { embedder, ending, logger } = this.#parts;
		try {
			return (await embedder.embed([text], TIMEOUT_MS, ending))[0];
		} catch (error) {
			if (!mayBeTheText(error)) throw error;
			try {
				await embedder.embed([PROBE], TIMEOUT_MS, ending);
			} catch {
				throw error;
			}
			logger.warn("memory.not_embeddable", { error, length: text.length });
			return undefined;
		}
	}

	async #keep(
		facts: Unseen[],
		made: readonly (Float32Array | undefined)[],
	): Promise<void> {
		const { file, embedder, signatures, ending } = this.#parts;
		ending.throwIfAborted();
		const kept = await file.write(({ vectors }) => {
			const model = vectors.createModel(embedder.name);
			const signed = facts.map((fact, at) => ({
				...fact,
				signature: vectors.put(model, fact.id, made[at]),
			}));
			vectors.center(model);
			return signed;
		});
		for (const { id, agentId, user, signature } of kept)
			if (signature) signatures.put({ agentId, user }, id, signature);
	}
}

/** True of a failure that one text of several may be the cause of. llama.cpp says 500 of one that is too long. */
function mayBeTheText(error: unknown): boolean {
	if (!(error instanceof AeonError)) return false;
	const { status } = error;
	return status === undefined
		? hasCode(error, "peer_rejected")
		: [400, 413, 422, 500].includes(status);
}
