// Whose facts a statement is about. There is none that does not say it.

import type { Owner } from "../core/memory.ts";
import type {
	SqlDatabase,
	SqlParameters,
	Statement,
} from "../core/platform.ts";

/** Whose facts are looked at: one owner's; those of an agent or a user, whatever the other is; or everybody's. */
export type Scope = Partial<Owner>;

/** What a row of `facts` must fulfil: of one owner, which an index serves, and of any other scope. */
const OWNED = "facts.agent_id = $agentId AND facts.user = $user";
const OTHER =
	"($agentId IS NULL OR facts.agent_id = $agentId) AND ($user IS NULL OR facts.user = $user)";

/** True of a scope that is one owner's. */
export function isOwner(scope: Scope): scope is Owner {
	return scope.agentId !== undefined && scope.user !== undefined;
}

/** The parameters that say which scope it is. */
export function scopeParameters({ agentId, user }: Scope): SqlParameters {
	return { agentId: agentId ?? null, user: user ?? null };
}

/** Something made twice of the SQL of a scope: for owners and for all others. */
export class Scoped<T> {
	readonly #owned: T;
	readonly #other: T;

	constructor(make: (condition: string) => T) {
		this.#owned = make(OWNED);
		this.#other = make(OTHER);
	}

	of(scope: Scope): T {
		return isOwner(scope) ? this.#owned : this.#other;
	}
}

/** A prepared statement about the facts of a scope. */
export class ScopedStatement<Row> {
	readonly #statement: Scoped<Statement<Row>>;

	/** `sql` is given what a row of `facts` must fulfil. */
	constructor(database: SqlDatabase, sql: (condition: string) => string) {
		this.#statement = new Scoped((condition) =>
			database.prepare<Row>(sql(condition)),
		);
	}

	all(scope: Scope, parameters: SqlParameters): Row[] {
		return this.#statement
			.of(scope)
			.all({ ...parameters, ...scopeParameters(scope) });
	}
}
