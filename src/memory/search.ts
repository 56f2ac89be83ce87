// The facts that match a text: by their words, and by their meaning where an endpoint tells it.

import type { MemoryFile } from "./file.ts";
import { fuse } from "./fusion.ts";
import type { Meaning } from "./meaning.ts";
import type { OwnedFact } from "./memory.ts";
import type { Near } from "./nearest.ts";
import type { Scope } from "./scope.ts";
import { throwIfStopped } from "./slices.ts";

/** So many of each kind are put into one order. */
const CANDIDATES = 50;

/** What stands further behind in a long message is not looked for. */
const MAX_QUESTION_LENGTH = 2_000;

/** A fact without a word of the text must be as near as this, and have this share of the nearest one's cosine. */
const MIN_COSINE = 0.25;
const MIN_SHARE = 0.6;

/** What is searched, and for what. */
export interface Search {
	file: MemoryFile;
	meaning: Meaning | undefined;
	text: string;
	scope: Scope;
	limit: number;
	/** Only facts with a smaller id. */
	before?: number | undefined;
	/** Ends the waiting for the endpoint; with a TimeoutError what was found by words is given, anything else is rethrown. */
	signal: AbortSignal;
}

/** The facts of a scope that match a text best, the best first. */
export async function searchFacts({
	file,
	meaning,
	text,
	scope,
	limit,
	before = Number.POSITIVE_INFINITY,
	signal,
}: Search): Promise<OwnedFact[]> {
	throwIfStopped(signal);
	const question = text.slice(0, MAX_QUESTION_LENGTH).toWellFormed().trim();
	if (question === "" || limit < 1) return [];
	const [near = [], worded = []] = await Promise.all([
		meaning?.search(question, scope, CANDIDATES, signal),
		file.read(({ facts }) => facts.matching(question, scope, CANDIDATES)),
	]);
	throwIfStopped(signal);
	const ids = fuse([worded, near.map(({ id }) => id)])
		.filter((id) => worded.includes(id) || isNear(id, near))
		.filter((id) => id < before);
	const found = await file.read(({ facts }) => facts.get(ids, scope));
	const byId = new Map(found?.map((fact) => [fact.id, fact]));
	return ids.flatMap((id) => byId.get(id) ?? []).slice(0, limit);
}

function isNear(id: number, near: readonly Near[]): boolean {
	const best = near[0]?.cosine ?? 0;
	const cosine = near.find((one) => one.id === id)?.cosine ?? 0;
	return cosine >= Math.max(MIN_COSINE, best * MIN_SHARE);
}
