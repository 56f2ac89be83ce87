// Vectors and signatures in their tables, and the models that they are of.

import type { Owner } from "../core/memory.ts";
import type { SqlDatabase, Statement } from "../core/platform.ts";
import { type Scope, ScopedStatement } from "./scope.ts";
import { centerOf, fromBytes, signatureOf, toBytes } from "./vector.ts";

/** A model that there are vectors of, or will be. */
export interface Model {
	id: number;
	/** How long its vectors are; null before the first one. */
	dimensions: number | null;
	/** What signatures are taken from, as bytes; null where there were too few vectors yet. */
	center: Uint8Array | null;
}

/** A model that there is a vector of. */
export interface SizedModel extends Model {
	dimensions: number;
}

/** A fact that a model has not seen yet. */
export interface Unseen extends Owner {
	id: number;
	text: string;
}

/** A fact's vector or signature as it is kept. */
export interface Kept {
	id: number;
	bytes: Uint8Array;
}

/** From so many vectors on their center is known well enough. Fewer are compared without signatures. */
const ENOUGH = 256;

/** The vectors of a database. Every method throws as SQLite does. */
export class VectorTable {
	readonly #model: Statement<Model>;
	readonly #createModel: Statement;
	readonly #dropModels: Statement;
	readonly #setDimensions: Statement;
	readonly #setCenter: Statement;
	readonly #putVector: Statement;
	readonly #putSignature: Statement;
	readonly #deleteVector: Statement;
	readonly #deleteSignature: Statement;
	readonly #seen: Statement<{ seen: number }>;
	readonly #unseen: Statement<Unseen>;
	readonly #all: Statement<Kept>;
	readonly #signatures: ScopedStatement<Kept>;
	readonly #vectors: ScopedStatement<Kept>;

	constructor(database: SqlDatabase) {
		this.#model = database.prepare(
			"SELECT id, dimensions, center FROM models WHERE name = $name",
		);
		this.#createModel = database.prepare(
			"INSERT INTO models (name) VALUES ($name)",
		);
		this.#dropModels = database.prepare(
			"DELETE FROM models WHERE id <> $model",
		);
		this.#setDimensions = database.prepare(
			"UPDATE models SET dimensions = $dimensions WHERE id = $model AND dimensions IS NULL",
		);
		this.#setCenter = database.prepare(
			"UPDATE models SET center = $center WHERE id = $model",
		);
		this.#putVector = database.prepare(
			`INSERT OR REPLACE INTO vectors (fact_id, model, vector)
			SELECT id, $model, $bytes FROM facts WHERE id = $id`,
		);
		this.#putSignature = database.prepare(
			`INSERT OR REPLACE INTO signatures (fact_id, model, bits)
			SELECT id, $model, $bytes FROM facts WHERE id = $id`,
		);
		this.#deleteVector = database.prepare(
			"DELETE FROM vectors WHERE fact_id = $id",
		);
		this.#deleteSignature = database.prepare(
			"DELETE FROM signatures WHERE fact_id = $id",
		);
		this.#seen = database.prepare(
			"SELECT count(*) AS seen FROM signatures WHERE model = $model",
		);
		this.#unseen = database.prepare(
			`SELECT id, agent_id AS agentId, user, text FROM facts WHERE id BETWEEN $from AND $to
			AND NOT EXISTS (SELECT 1 FROM signatures WHERE fact_id = facts.id AND model = $model)
			ORDER BY id DESC LIMIT $limit`,
		);
		// A CROSS JOIN keeps SQLite from beginning at the other end.
		this.#all = database.prepare(
			`SELECT signatures.fact_id AS id, vector AS bytes FROM signatures CROSS JOIN vectors ON vectors.fact_id = signatures.fact_id
			WHERE signatures.model = $model`,
		);
		this.#signatures = new ScopedStatement(
			database,
			(isInScope) =>
				`SELECT facts.id, bits AS bytes FROM facts CROSS JOIN signatures ON fact_id = facts.id
			WHERE ${isInScope} AND facts.id > $after AND model = $model AND bits IS NOT NULL
			ORDER BY facts.id LIMIT $limit`,
		);
		this.#vectors = new ScopedStatement(
			database,
			(isInScope) =>
				`SELECT facts.id, vector AS bytes FROM facts CROSS JOIN vectors ON fact_id = facts.id
			WHERE facts.id IN (SELECT value FROM json_each($ids)) AND ${isInScope} AND model = $model`,
		);
	}

	/** The model of this name, where something is of it. */
	model(name: string): Model | undefined {
		return this.#model.get({ name });
	}

	/** The same, which is made where it is missing. */
	createModel(name: string): Model {
		const known = this.model(name);
		if (known) return known;
		const { lastInsertRowid: id } = this.#createModel.run({ name });
		return { id, dimensions: null, center: null };
	}

	/** Forgets the other models, of which nothing is left once this one has seen every fact. */
	dropOthers(model: number): void {
		this.#dropModels.run({ model });
	}

	/**
	 * Keeps a fact's vector in the place of another model's, and gives its signature. Without a vector it is kept that the model
	 * cannot take the fact.
	 */
	put(
		model: Model,
		id: number,
		vector: Float32Array | undefined,
	): Uint16Array | undefined {
		const center = model.center ? fromBytes(model.center) : undefined;
		const signature = vector && signatureOf(vector, center);
		const bytes = signature ? toBytes(signature) : null;
		this.#putSignature.run({ model: model.id, id, bytes });
		if (!vector) this.#deleteVector.run({ id });
		else {
			this.#putVector.run({ model: model.id, id, bytes: toBytes(vector) });
			this.#setDimensions.run({ model: model.id, dimensions: vector.length });
		}
		return signature;
	}

	/** As soon as there are enough vectors of a model, finds their center and takes their signatures anew. True where it did. */
	center(model: Model): boolean {
		if (model.center || this.seen(model.id) < ENOUGH) return false;
		const all = this.#all
			.all({ model: model.id })
			.map(({ id, bytes }) => ({ id, vector: fromBytes(bytes) }));
		const center = toBytes(centerOf(all.map(({ vector }) => vector)));
		this.#setCenter.run({ model: model.id, center });
		for (const { id, vector } of all)
			this.put({ ...model, center }, id, vector);
		return true;
	}

	/** Takes out what there is of a fact. */
	delete(id: number): void {
		this.#deleteVector.run({ id });
		this.#deleteSignature.run({ id });
	}

	/** How many facts the model has seen, whoever owns them. */
	seen(model: number): number {
		return this.#seen.get({ model })?.seen ?? 0;
	}

	/** Of the facts with ids from `from` to `to`, those that the model has not seen, the newest first. */
	unseen(model: number, from: number, to: number, limit: number): Unseen[] {
		return this.#unseen.all({ model, from, to, limit });
	}

	/** The signatures of a scope in the order of their facts' ids, from the one after `after` on. */
	signatures(
		model: number,
		scope: Scope,
		after: number,
		limit: number,
	): Kept[] {
		return this.#signatures.all(scope, { model, after, limit });
	}

	/** The vectors of those of these facts that are in the scope. */
	vectors(model: number, scope: Scope, ids: readonly number[]): Kept[] {
		return this.#vectors.all(scope, { model, ids: JSON.stringify(ids) });
	}
}
