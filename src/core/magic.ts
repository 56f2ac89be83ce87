/** True of bytes that begin with a magic number, which is written in Latin-1 with `?` for any byte. */
export function beginsWith(bytes: Uint8Array, magic: string): boolean {
	return [...magic].every((c, i) => c === "?" || bytes[i] === c.charCodeAt(0));
}
