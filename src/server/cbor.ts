// CBOR (RFC 8949) in binary frames.

import { decode, encode, Tokenizer, Type } from "cborg";
import type { Codec } from "./encoding.ts";

/**
 * Items of one frame, more than any request has. A megabyte of one-byte items would hold up everybody else for its reading, and
 * whatever is nested has an item a level.
 */
const MAX_ITEMS = 4096;

/** What JSON has no word for, nothing behind this knows. */
const RULES = { rejectDuplicateMapKeys: true, allowBigInt: false };

/** Texts as they are: no sign is dropped, and what is no UTF-8 is no text (RFC 8949 section 3.1). */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The codec of CBOR. Imported when the first client asks for it. */
export const cborCodec: Codec = {
	encoding: "cbor",
	// As in JSON, what is undefined is left out.
	encode: (value) => encode(value, { ignoreUndefinedProperties: true }),
	decode(frame) {
		if (typeof frame === "string") return undefined;
		try {
			const tokenizer = itemsOf(frame);
			const value: unknown = decode(frame, { ...RULES, tokenizer });
			return hasBreak(value) ? undefined : value;
		} catch {
			return undefined;
		}
	},
};

/** The items of a frame, one by one. Throws where there are too many, or a text is none. */
function itemsOf(frame: Uint8Array) {
	const items = new Tokenizer(frame, RULES);
	let count = 0;
	return {
		done: () => items.done(),
		pos: () => items.pos(),
		next() {
			if (++count > MAX_ITEMS) throw new Error("too many items");
			const start = items.pos();
			const item = items.next();
			if (item.type !== Type.string) return item;
			const bytes = frame.subarray(start + headSize(frame, start), items.pos());
			// The library drops a byte order mark and puts U+FFFD where bytes are wrong.
			const isPlain = item.value.length === bytes.length;
			if (!isPlain || item.value.includes("\ufffd"))
				item.value = utf8.decode(bytes);
			return item;
		},
	};
}

/** How many bytes say what an item is and how long (RFC 8949 section 3). */
function headSize(frame: Uint8Array, at: number): number {
	const info = (frame[at] ?? 0) & 0x1f;
	return info < 24 ? 1 : 1 + 2 ** (info - 24);
}

/** The library takes the "break" of a list for a key's value (`a1 61 61 ff`), and gives a symbol for it. */
function hasBreak(value: unknown): boolean {
	if (typeof value !== "object" || value === null)
		return typeof value === "symbol";
	if (value instanceof Uint8Array) return false;
	return Object.values(value).some(hasBreak);
}
