// Finding facts by their meaning, with the vectors of one endpoint.

import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Owner } from "../core/memory.ts";
import { type Embedder, openEmbedder } from "./embedder.ts";
import type { MemoryFile } from "./file.ts";
import { Indexing } from "./indexing.ts";
import type { EmbeddingOptions } from "./memory.ts";
import { type Near, nearest } from "./nearest.ts";
import { Questions } from "./questions.ts";
import type { Scope } from "./scope.ts";
import { SignatureCache } from "./signatures.ts";
import type { SizedModel } from "./vectors.ts";

/** What is saved in a row is embedded together. */
const COLLECTING_MS = 200;

/** Aeon has better things to do when it starts. */
const STARTING_MS = 5_000;

/** What finding by meaning needs. */
export interface MeaningParts {
	file: MemoryFile;
	logger: Logger;
	clock: Clock;
}

/** The meaning that one endpoint gives. */
export class Meaning {
	readonly #file: MemoryFile;
	readonly #embedder: Embedder;
	readonly #signatures: SignatureCache;
	readonly #questions: Questions;
	readonly #indexing: Indexing;
	readonly #ending = new AbortController();

	/** Embeds what is there already after a while; asks nobody before. */
	constructor(options: EmbeddingOptions, parts: MeaningParts) {
		const { file, clock } = parts;
		const ending = this.#ending.signal;
		const embedder = openEmbedder(options, clock);
		const signatures = new SignatureCache(file, clock);
		this.#file = file;
		this.#embedder = embedder;
		this.#signatures = signatures;
		this.#questions = new Questions(embedder, clock, ending);
		this.#indexing = new Indexing({ ...parts, embedder, signatures, ending });
		if (file.exists()) this.#indexing.begin(STARTING_MS);
	}

	/** The facts of a scope that mean most nearly what the text does, the nearest first; none where nobody says what it means. */
	async search(
		text: string,
		scope: Scope,
		limit: number,
		signal: AbortSignal,
	): Promise<Near[]> {
		const model = await this.#model(scope);
		if (!model) return [];
		this.#embedder.expect(model.dimensions);
		const vector = await this.#questions.vector(text, signal);
		if (vector?.length !== model.dimensions) return [];
		const [file, signatures] = [this.#file, this.#signatures];
		return nearest({ file, signatures, model, scope, signal }, vector, limit);
	}

	/** There is a new fact. */
	saved(): void {
		this.#indexing.begin(COLLECTING_MS);
	}

	/** A fact is gone. */
	forgotten(owner: Owner, id: number): void {
		this.#signatures.delete(owner, id);
	}

	/** Facts that have no vector yet, and why. */
	async state(): Promise<{ waiting: number; problem: string | undefined }> {
		const waiting = await this.#file.read(({ facts, vectors }) => {
			const model = vectors.model(this.#embedder.name);
			return facts.count() - (model ? vectors.seen(model.id) : 0);
		});
		const why = this.#indexing.problem ?? this.#embedder.problem;
		return {
			waiting: Math.max(0, waiting ?? 0),
			problem: why && `Facts are not found by their meaning: ${why}.`,
		};
	}

	/** Ends what is under way at once. */
	async close(): Promise<void> {
		this.#ending.abort();
		this.#signatures.clear();
		await this.#indexing.ended();
	}

	/** The model, where the scope has a vector of it. */
	#model(scope: Scope): Promise<SizedModel | undefined> {
		return this.#file.read(({ vectors }) => {
			const model = vectors.model(this.#embedder.name);
			if (!model?.dimensions) return undefined;
			const hasAny = vectors.signatures(model.id, scope, 0, 1).length > 0;
			return hasAny ? { ...model, dimensions: model.dimensions } : undefined;
		});
	}
}
