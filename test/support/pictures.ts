// Pictures of any size, made when a test wants them.

/** A picture with something on it, so that it does not compress to nothing. */
export async function picture(
	format: "png" | "jpeg" | "webp" | "bmp",
	width: number,
	height: number,
): Promise<Uint8Array> {
	const bmp = bitmap(width, height);
	if (format === "bmp") return bmp;
	return new Bun.Image(bmp)[format]().bytes();
}

/** A PNG of so many bytes at least, which any reader takes: it has a text in it that nobody reads. */
export async function heavyPng(bytes: number): Promise<Uint8Array> {
	const png = Buffer.from(await picture("png", 64, 64));
	const text = Buffer.alloc(bytes, "x");
	text.write("Comment\0");
	const typed = Buffer.concat([Buffer.from("tEXt"), text]);
	const chunk = Buffer.alloc(typed.length + 8);
	chunk.writeUInt32BE(text.length, 0);
	typed.copy(chunk, 4);
	chunk.writeUInt32BE(Bun.hash.crc32(typed), typed.length + 4);
	const afterHeader = 8 + 25;
	return Buffer.concat([
		png.subarray(0, afterHeader),
		chunk,
		png.subarray(afterHeader),
	]);
}

/** What an iPhone's photo begins with, and nothing else of one. */
export const HEIC = Buffer.concat([
	Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1"),
	Buffer.alloc(400),
]);

function bitmap(width: number, height: number): Uint8Array {
	const row = (width * 3 + 3) & ~3;
	const bytes = Buffer.alloc(54 + row * height);
	bytes.write("BM");
	bytes.writeUInt32LE(bytes.length, 2);
	bytes.writeUInt32LE(54, 10);
	bytes.writeUInt32LE(40, 14);
	bytes.writeInt32LE(width, 18);
	bytes.writeInt32LE(height, 22);
	bytes.writeUInt16LE(1, 26);
	bytes.writeUInt16LE(24, 28);
	for (let at = 54; at < bytes.length; at++) bytes[at] = at >> 6;
	return bytes;
}
