/** Ranks count as 1 / (K + rank): the constant of the paper, which keeps a first place from deciding alone. */
const K = 60;

/**
 * One order out of several of the same things, each with the best first, by reciprocal rank (Cormack, Clarke and Büttcher,
 * "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009).
 */
export function fuse(rankings: readonly (readonly number[])[]): number[] {
	const scores = new Map<number, number>();
	for (const ranking of rankings)
		ranking.forEach((id, at) => {
			scores.set(id, (scores.get(id) ?? 0) + 1 / (K + at + 1));
		});
	return [...scores].sort(([, a], [, b]) => b - a).map(([id]) => id);
}
