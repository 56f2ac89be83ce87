// CBOR (RFC 8949) as people read it: its bytes line by line, with what they say beside them.

/** One item: its bytes in hex, what it says, and where it holds others, those. */
interface Item {
	hex: string;
	note: string;
	items: Item[];
	end: number;
}

const NOTE_AT = 60;
/** Hex digits of a text on one line. */
const WIDTH = 48;

/** The bytes of an item as lines: hex, then `;` and a note. A key stands on the line of its value. */
export function annotate(bytes: Uint8Array): string {
	return lines(read(bytes, 0), 0).join("\n");
}

/** The bytes in such lines. */
export function bytesOf(lines: string): Buffer {
	return Buffer.from(lines.replace(/;.*$/gm, "").replace(/\s/g, ""), "hex");
}

function read(bytes: Uint8Array, at: number): Item {
	const view = new DataView(bytes.buffer, bytes.byteOffset + at);
	const first = view.getUint8(0);
	const [major, info] = [first >> 5, first & 31];
	const size = info < 24 ? 0 : 2 ** (info - 24);
	const count = [
		() => info,
		() => view.getUint8(1),
		() => view.getUint16(1),
		() => 0,
		() => view.getUint32(1),
	][size]?.();
	const number = count ?? Number(view.getBigUint64(1));
	const head = at + 1 + size;
	const hex = Buffer.from(bytes.subarray(at, head)).toString("hex");
	const plain = (note: string) => ({ hex, note, items: [], end: head });
	if (major === 0) return plain(String(number));
	if (major === 1) return plain(String(-1 - number));
	if (major === 3) {
		const text = Buffer.from(bytes.subarray(head, head + number));
		return {
			hex: `${hex} ${text.toString("hex")}`,
			note: JSON.stringify(text.toString()),
			items: [],
			end: head + number,
		};
	}
	if (major === 4 || major === 5) {
		const items: Item[] = [];
		let end = head;
		for (let n = 0; n < number * (major - 3); n++) {
			const item = read(bytes, end);
			items.push(item);
			end = item.end;
		}
		return {
			hex,
			note: `${major === 4 ? "list" : "map"} of ${number}`,
			items,
			end,
		};
	}
	const word = { f4: "false", f5: "true", f6: "null" }[hex];
	if (!word) throw new Error(`the page does not know the item ${hex}`);
	return plain(word);
}

function lines(item: Item, depth: number, key?: Item): string[] {
	const indent = "  ".repeat(depth);
	const hex = key ? `${key.hex}  ${item.hex}` : item.hex;
	const note = key ? `${JSON.parse(key.note)}: ${item.note}` : item.note;
	const [start = "", ...rest] = wrapped(hex);
	const isMap = item.note.startsWith("map of") && item.items.length > 0;
	const inside = item.items.flatMap((one, n) => {
		if (!isMap) return lines(one, depth + 1);
		return n % 2 === 0 ? [] : lines(one, depth + 1, item.items[n - 1]);
	});
	return [
		`${`${indent}${start}`.padEnd(NOTE_AT)} ; ${note}`,
		...rest.map((line) => `${indent}  ${line}`),
		...inside,
	];
}

/** A long text goes on in further lines. */
function wrapped(hex: string): string[] {
	if (hex.length <= NOTE_AT) return [hex];
	const at = hex.lastIndexOf(" ") + 1;
	const text = hex.slice(at).match(new RegExp(`.{1,${WIDTH}}`, "g")) ?? [];
	return [hex.slice(0, at).trim(), ...text];
}
