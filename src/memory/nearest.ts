// The facts whose vectors are nearest to one: all are compared where they are few; where they are many, only those whose
// signatures differ least.

import type { MemoryFile } from "./file.ts";
import { isOwner, type Scope } from "./scope.ts";
import { type SignatureCache, SignatureList } from "./signatures.ts";
import { Slices } from "./slices.ts";
import { cosineTo, distances, fromBytes, signatureOf } from "./vector.ts";
import type { SizedModel } from "./vectors.ts";

/** A fact, and how near it is: the cosine, 1 at most. */
export interface Near {
	id: number;
	cosine: number;
}

/** What is looked through. */
export interface Looked {
	file: MemoryFile;
	signatures: SignatureCache;
	model: SizedModel;
	scope: Scope;
	/** Ends the looking, unless it only says that the time is over. */
	signal: AbortSignal;
}

/** So many vectors are compared whatever they are. */
const FEW = 300;

/** Of more, so many. Measured by scripts/bench/recall.ts: of the ten nearest of 100,000 nearly all are among them. */
const CANDIDATES = 400;

/** Between two looks at the clock: signatures that are compared, vectors that are. */
const SIGNATURES_AT_ONCE = 500;
const VECTORS_AT_ONCE = 50;

/** The nearest first, `limit` at most. */
export async function nearest(
	{ file, signatures, model, scope, signal }: Looked,
	query: Float32Array,
	limit: number,
): Promise<Near[]> {
	const slices = new Slices(signal);
	const center = model.center ? fromBytes(model.center) : undefined;
	const read = (after: number, count: number) =>
		file.read(({ vectors }) =>
			vectors.signatures(model.id, scope, after, count),
		);
	const few = (await read(0, FEW + 1)) ?? [];
	const ids =
		few.length <= FEW
			? few.map(({ id }) => id)
			: await likely(signatureOf(query, center), lists(), slices);
	const cosine = cosineTo(query);
	const found: Near[] = [];
	for (let at = 0; at < ids.length; at += VECTORS_AT_ONCE) {
		const some = ids.slice(at, at + VECTORS_AT_ONCE);
		const kept = await file.read(({ vectors }) =>
			vectors.vectors(model.id, scope, some),
		);
		for (const { id, bytes } of kept ?? [])
			found.push({ id, cosine: cosine(bytes) });
		await slices.next();
	}
	return found.sort((a, b) => b.cosine - a.cosine).slice(0, limit);

	/** An owner's signatures, from memory; of everybody, or of too many, from the table piece by piece. */
	async function* lists(): AsyncGenerator<SignatureList> {
		const list = isOwner(scope) && (await signatures.of(scope, model));
		if (list) return yield list;
		for (let after = 0; ; ) {
			const page = (await read(after, SIGNATURES_AT_ONCE)) ?? [];
			const last = page.at(-1);
			if (!last) return;
			after = last.id;
			const piece = new SignatureList(model.dimensions);
			piece.append(page);
			yield piece;
		}
	}
}

/** The facts whose signatures differ least from this one. */
async function likely(
	signature: Uint16Array,
	lists: AsyncIterable<SignatureList>,
	slices: Slices,
): Promise<number[]> {
	const closest = new Closest(CANDIDATES);
	for await (const list of lists)
		for (let from = 0; from < list.length; from += SIGNATURES_AT_ONCE) {
			const count = Math.min(SIGNATURES_AT_ONCE, list.length - from);
			const found = distances(signature, list.words, from, count);
			for (let at = 0; at < count; at++) {
				const distance = found[at] ?? 0;
				if (distance < closest.cutoff)
					closest.add(list.id(from + at), distance);
			}
			await slices.next();
		}
	return closest.ids();
}

/** An id and a distance are one number, so that sorting them is native. A distance has 13 bits. */
const IDS = 2 ** 39;

/** Those with the smallest distances of many. */
class Closest {
	readonly #limit: number;
	#keys: number[] = [];
	/** What is as far away as this is not among them. */
	cutoff = Number.POSITIVE_INFINITY;

	constructor(limit: number) {
		this.#limit = limit;
	}

	add(id: number, distance: number): void {
		this.#keys.push(distance * IDS + id);
		if (this.#keys.length < this.#limit * 2) return;
		this.#keys = this.#smallest();
		this.cutoff = Math.floor((this.#keys.at(-1) ?? 0) / IDS);
	}

	ids(): number[] {
		return this.#smallest().map((key) => key % IDS);
	}

	#smallest(): number[] {
		const sorted = new Float64Array(this.#keys).sort();
		return [...sorted.subarray(0, this.#limit)];
	}
}
