/** The bytes of a UTF-8 text without the character that their end cuts in two, if there is one. */
export function wholeCharacters(bytes: Uint8Array): Uint8Array {
	for (let back = 1; back <= Math.min(3, bytes.length); back++) {
		const byte = bytes[bytes.length - back] ?? 0;
		if (byte < 0x80) return bytes;
		if (byte < 0xc0) continue;
		const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
		return needed > back ? bytes.subarray(0, -back) : bytes;
	}
	return bytes;
}
