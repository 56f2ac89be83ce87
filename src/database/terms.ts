// Which words of a question are worth looking for, and how much each of them tells.

/** Words that are looked for at most. */
const MAX_TERMS = 10;

/** A word is common, and tells nothing, where more than this share of the texts have it, or more than so many. */
const COMMON_SHARE = 0.05;
const MIN_COMMON = 50;
/** What is common in any number of texts. */
export const MAX_COMMON = 5_000;

/** So many texts are compared in one search, some microseconds each, and ten times that on a slow processor. */
export const MAX_COMPARED = 2_000;

/** A word, and in how many texts it stands. */
export interface Counted {
	phrase: string;
	count: number;
}

/** A word that is looked for; the weights of all of them are 1 together. */
export interface Term extends Counted {
	weight: number;
}

/**
 * The rarest of these words that are there at all, weighed by how rare they are among `size` texts. Common ones are left
 * out where there are others, and always where that is strict.
 */
export function chooseTerms(
	words: readonly Counted[],
	size: number,
	isStrict: boolean,
): Term[] {
	const common = commonFrom(size);
	const counted = words
		.filter(({ count }) => count > 0)
		.sort((a, b) => a.count - b.count);
	const telling = counted.filter(({ count }) => count <= common);
	const chosen = (isStrict || telling.length > 0 ? telling : counted).slice(
		0,
		MAX_TERMS,
	);
	// The commonest of those that tell something tell the least.
	while (
		telling.length > 0 &&
		chosen.length > 1 &&
		textsOf(chosen) > MAX_COMPARED
	)
		chosen.pop();
	const weigh = (count: number) => Math.log(1 + Math.max(1, size) / count);
	const whole = chosen.reduce((sum, { count }) => sum + weigh(count), 0);
	return chosen.map((word) => ({ ...word, weight: weigh(word.count) / whole }));
}

/** In how many texts words stand at most. */
export function textsOf(words: readonly Counted[]): number {
	return words.reduce((sum, { count }) => sum + count, 0);
}

/** Whether a share, which is a sum of weights, is as large as it must be. */
export function isEnough(share: number, minShare: number): boolean {
	return share > minShare - 1e-9;
}

/** A word is common where more of so many texts have it than this. */
export function commonFrom(size: number): number {
	const share = Math.floor(size * COMMON_SHARE);
	return Math.min(MAX_COMMON, Math.max(MIN_COMMON, share));
}
