// What a text means, in numbers: a vector of length 1, and its signature, one bit for each number.

/** Signatures are compared eight words at a time, and filled up to that. */
const WORDS_AT_ONCE = 8;
const BITS = 16;

/** The vector of length 1 with the direction of these numbers. Undefined where one is no number, or all are zero. */
export function normalised(
	numbers: readonly unknown[],
): Float32Array<ArrayBuffer> | undefined {
	let square = 0;
	for (const number of numbers) {
		if (typeof number !== "number") return undefined;
		square += number * number;
	}
	if (!Number.isFinite(square) || square === 0) return undefined;
	const vector = new Float32Array(numbers.length);
	const length = Math.sqrt(square);
	for (let at = 0; at < numbers.length; at++)
		vector[at] = Number(numbers[at]) / length;
	return vector;
}

/** A vector or signature as a database keeps it: little-endian, as every machine is that Aeon runs on. */
export function toBytes({
	buffer,
	byteOffset,
	byteLength,
}: Float32Array | Uint16Array): Uint8Array {
	return new Uint8Array(buffer, byteOffset, byteLength);
}

/** A vector that was made of such bytes. */
export function fromBytes({
	buffer,
	byteOffset,
	byteLength,
}: Uint8Array): Float32Array {
	return new Float32Array(buffer, byteOffset, byteLength / 4);
}

/** The middle of these vectors, which are there. */
export function centerOf(vectors: readonly Float32Array[]): Float32Array {
	const sum = new Float32Array(vectors[0]?.length ?? 0);
	for (const vector of vectors)
		for (let at = 0; at < sum.length; at++)
			sum[at] = (sum[at] ?? 0) + (vector[at] ?? 0) / vectors.length;
	return sum;
}

/** How many words the signature of a vector of so many numbers has. */
export function signatureWords(dimensions: number): number {
	return Math.ceil(dimensions / BITS / WORDS_AT_ONCE) * WORDS_AT_ONCE;
}

/**
 * On which side of the center each of a vector's numbers is. Many models give vectors that all lean to one side, so that
 * their mere signs would tell little; without a center it is the origin.
 */
export function signatureOf(
	vector: Float32Array,
	center?: Float32Array,
): Uint16Array<ArrayBuffer> {
	const { length } = vector;
	const words = new Uint16Array(signatureWords(length));
	for (let at = 0; at < length; at++)
		if ((vector[at] ?? 0) > (center?.[at] ?? 0))
			words[at >> 4] = (words[at >> 4] ?? 0) | (1 << (at & 15));
	return words;
}

/** A function that gives the cosine of this vector and one that is kept. */
export function cosineTo(vector: Float32Array): (kept: Uint8Array) => number {
	// Without a compiler reading a Float32 costs three times what a Float64 does; making one of the other is native.
	const query = new Float64Array(vector);
	const other = new Float64Array(vector.length);
	const { length } = query;
	return ({ buffer, byteOffset }) => {
		other.set(new Float32Array(buffer, byteOffset, length));
		let sum = 0;
		for (let at = 0; at < length; at++)
			sum += (query[at] ?? 0) * (other[at] ?? 0);
		return sum;
	};
}

let bitsOf: Uint8Array | undefined;

/** How many bits each number of 16 bits has. */
function bitCounts(): Uint8Array {
	if (bitsOf) return bitsOf;
	bitsOf = new Uint8Array(1 << BITS);
	for (let word = 1; word < 1 << BITS; word++)
		bitsOf[word] = (bitsOf[word >> 1] ?? 0) + (word & 1);
	return bitsOf;
}

/**
 * How many bits of a signature differ from those of each of `count` others, which stand in `words` from the `from`th on, one
 * after the other. Written for an interpreter: one table, no calls, eight words at a time.
 */
export function distances(
	signature: Uint16Array,
	words: Uint16Array,
	from: number,
	count: number,
): Uint16Array {
	const bits = bitCounts();
	const found = new Uint16Array(count);
	const { length } = signature;
	let at = from * length;
	for (let one = 0; one < count; one++) {
		let sum = 0;
		for (let to = 0; to < length; to += WORDS_AT_ONCE) {
			sum +=
				(bits[(words[at] ?? 0) ^ (signature[to] ?? 0)] ?? 0) +
				(bits[(words[at + 1] ?? 0) ^ (signature[to + 1] ?? 0)] ?? 0) +
				(bits[(words[at + 2] ?? 0) ^ (signature[to + 2] ?? 0)] ?? 0) +
				(bits[(words[at + 3] ?? 0) ^ (signature[to + 3] ?? 0)] ?? 0) +
				(bits[(words[at + 4] ?? 0) ^ (signature[to + 4] ?? 0)] ?? 0) +
				(bits[(words[at + 5] ?? 0) ^ (signature[to + 5] ?? 0)] ?? 0) +
				(bits[(words[at + 6] ?? 0) ^ (signature[to + 6] ?? 0)] ?? 0) +
				(bits[(words[at + 7] ?? 0) ^ (signature[to + 7] ?? 0)] ?? 0);
			at += WORDS_AT_ONCE;
		}
		found[one] = sum;
	}
	return found;
}
