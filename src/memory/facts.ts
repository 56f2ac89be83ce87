// Facts in their table, and in the index of their words.

import type { Fact, Owner } from "../core/memory.ts";
import type { SqlDatabase, Statement } from "../core/platform.ts";
import { FullText } from "../database/full_text.ts";
import type { FactQuery, OwnedFact } from "./memory.ts";
import { FACT_WORDS } from "./schema.ts";
import {
	type Scope,
	Scoped,
	ScopedStatement,
	scopeParameters,
} from "./scope.ts";

const COLUMNS = "id, agent_id AS agentId, user, text, saved_at AS savedAt";

/** The facts of a database. Every method throws as SQLite does. */
export class FactTable {
	readonly #same: Statement<Fact>;
	readonly #insert: Statement;
	readonly #delete: Statement;
	readonly #count: Statement<{ facts: number }>;
	readonly #last: Statement<{ last: number | null }>;
	readonly #get: ScopedStatement<OwnedFact>;
	readonly #list: ScopedStatement<OwnedFact>;
	readonly #words: Scoped<FullText>;

	constructor(database: SqlDatabase) {
		this.#same = database.prepare(
			`SELECT id, text, saved_at AS savedAt FROM facts
			WHERE agent_id = $agentId AND user = $user AND key = $key`,
		);
		this.#insert = database.prepare(
			`INSERT INTO facts (agent_id, user, text, key, saved_at)
			VALUES ($agentId, $user, $text, $key, $savedAt)`,
		);
		this.#delete = database.prepare(
			"DELETE FROM facts WHERE id = $id AND agent_id = $agentId AND user = $user",
		);
		this.#count = database.prepare("SELECT count(*) AS facts FROM facts");
		this.#last = database.prepare("SELECT max(id) AS last FROM facts");
		this.#get = new ScopedStatement(
			database,
			(isInScope) => `SELECT ${COLUMNS} FROM facts
			WHERE id IN (SELECT value FROM json_each($ids)) AND ${isInScope}`,
		);
		this.#list = new ScopedStatement(
			database,
			(isInScope) => `SELECT ${COLUMNS} FROM facts
			WHERE ${isInScope} AND id < $before ORDER BY id DESC LIMIT $limit`,
		);
		this.#words = new Scoped(
			(isInScope) =>
				new FullText(database, {
					table: FACT_WORDS,
					size: () => this.last(),
					join: "JOIN facts ON facts.id = hits.rowid",
					where: `AND ${isInScope}`,
				}),
		);
	}

	/** Takes a fact in, or gives the one that is the same but for its spaces and its case. */
	save(
		{ agentId, user }: Owner,
		text: string,
		savedAt: number,
	): { fact: Fact; isNew: boolean } {
		const key = keyOf(text);
		const same = this.#same.get({ agentId, user, key });
		if (same) return { fact: same, isNew: false };
		const fact = { agentId, user, text, key, savedAt };
		const { lastInsertRowid: id } = this.#insert.run(fact);
		this.#words.of({}).add(id, text);
		return { fact: { id, text, savedAt }, isNew: true };
	}

	/** Takes a fact out that is in the scope, and gives it. */
	delete(id: number, scope: Scope): OwnedFact | undefined {
		const [fact] = this.get([id], scope);
		if (!fact) return undefined;
		this.#delete.run({ id, agentId: fact.agentId, user: fact.user });
		this.#words.of({}).remove(id);
		return fact;
	}

	/** Those of these facts that are in the scope, in no order. */
	get(ids: readonly number[], scope: Scope): OwnedFact[] {
		return this.#get.all(scope, { ids: JSON.stringify(ids) });
	}

	/** The newest first. */
	list({ limit = -1, before, ...scope }: FactQuery): OwnedFact[] {
		return this.#list.all(scope, {
			limit,
			before: before ?? Number.MAX_SAFE_INTEGER,
		});
	}

	/** The facts of a scope whose words match best, by their ids, the best first. */
	matching(text: string, scope: Scope, limit: number): number[] {
		return this.#words
			.of(scope)
			.search(text, limit, scopeParameters(scope))
			.map(({ id }) => id);
	}

	/** How many there are, whoever owns them. */
	count(): number {
		return this.#count.get()?.facts ?? 0;
	}

	/** The largest id; 0 where there is none. */
	last(): number {
		return this.#last.get()?.last ?? 0;
	}
}

/** What two texts have in common that are the same fact. */
function keyOf(text: string): string {
	return text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();
}
