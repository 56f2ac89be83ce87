/** Keys that are remembered; beyond, the oldest begins anew. */
const MAX_KEYS = 1_000;

/** When what comes often is told from the first time on again. */
const MEMORY_MS = 10 * 60_000;

/** Tells the 1st, 2nd, 4th, 8th … time of something that anybody may bring about as often as they like. */
export class Sparse {
	readonly #counts = new Map<string, { count: number; since: number }>();
	readonly #now: () => number;

	constructor(now: () => number = Date.now) {
		this.#now = now;
	}

	/** How often it has happened now, where that is to be told. */
	count(key: string): number | undefined {
		const now = this.#now();
		const known = this.#counts.get(key);
		const isFresh = known && now - known.since < MEMORY_MS;
		const entry = isFresh ? known : { count: 0, since: now };
		entry.count++;
		this.#counts.set(key, entry);
		const [oldest] = this.#counts.keys();
		if (oldest !== undefined && this.#counts.size > MAX_KEYS)
			this.#counts.delete(oldest);
		return (entry.count & (entry.count - 1)) === 0 ? entry.count : undefined;
	}
}
