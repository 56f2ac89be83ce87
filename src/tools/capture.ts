import { wholeCharacters } from "./utf8.ts";

/** Keeps the beginning and the end of a text of any length, `maxBytes` of it together. */
export class Capture {
	readonly #head: Uint8Array;
	/** A ring of the last bytes after the head: byte number n of them lies at n modulo its length. */
	readonly #tail: Uint8Array;
	#total = 0;

	constructor(maxBytes: number) {
		this.#head = new Uint8Array(Math.floor(maxBytes / 2));
		this.#tail = new Uint8Array(Math.ceil(maxBytes / 2));
	}

	/** Adds the next bytes of a text in UTF-8. */
	add(bytes: Uint8Array): void {
		const room = Math.max(this.#head.length - this.#total, 0);
		if (room > 0) this.#head.set(bytes.subarray(0, room), this.#total);
		this.#total += bytes.length;
		const last = bytes.subarray(
			Math.max(room, bytes.length - this.#tail.length),
		);
		if (last.length === 0) return;
		const slot =
			(this.#total - this.#head.length - last.length) % this.#tail.length;
		const untilEnd = last.subarray(0, this.#tail.length - slot);
		this.#tail.set(untilEnd, slot);
		this.#tail.set(last.subarray(untilEnd.length), 0);
	}

	/** What was kept, with a note in the middle where something was not. Characters stay whole. */
	text(): string {
		const head = this.#head.subarray(0, this.#total);
		const inTail = Math.max(this.#total - this.#head.length, 0);
		if (inTail <= this.#tail.length)
			return decode(Buffer.concat([head, this.#tail.subarray(0, inTail)]));
		const slot = inTail % this.#tail.length;
		const tail = Buffer.concat([
			this.#tail.subarray(slot),
			this.#tail.subarray(0, slot),
		]);
		const before = wholeCharacters(head);
		// A tail begins with the first byte of a character.
		const after = tail.subarray(
			tail.findIndex((byte) => (byte & 0xc0) !== 0x80),
		);
		const leftOut = this.#total - before.length - after.length;
		return `${decode(before)}\n[… ${leftOut} bytes left out …]\n${decode(after)}`;
	}
}

function decode(bytes: Uint8Array): string {
	return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
