import { expect, test } from "bun:test";
import fc from "fast-check";
import { imageType, sniffImage } from "../../src/core/image.ts";

/** Real pictures of 64×3 pixels, as Pillow writes them. */
const PICTURES: [kind: string, mimeType: string, base64: string][] = [
	[
		"PNG",
		"image/png",
		"iVBORw0KGgoAAAANSUhEUgAAAEAAAAADCAIAAACsx55LAAAAD0lEQVR4nGNgGAWjgCIAAAJDAAEomo2wAAAAAElFTkSuQmCC",
	],
	[
		"JPEG",
		"image/jpeg",
		"/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAKBueIx4ZKCMgoy0qqC+8P//8Nzc8P//////////////////////////////////////////////////////////wAALCAADAEABAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/AIaKKKKKKK//2Q==",
	],
	[
		"progressive JPEG with EXIF",
		"image/jpeg",
		"/9j/4AAQSkZJRgABAQAAAQABAAD/4QAWRXhpZgAATU0AKgAAAAgAAAAAAAD/2wBDAKBueIx4ZKCMgoy0qqC+8P//8Nzc8P//////////////////////////////////////////////////////////wgALCAADAEABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAL/2gAIAQEAAAABgB//xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAEFAg//xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAY/Ag//xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAE/IQ//2gAIAQEAAAAQAP/EABQQAQAAAAAAAAAAAAAAAAAAADD/2gAIAQEAAT8QD//Z",
	],
	[
		"GIF",
		"image/gif",
		"R0lGODdhQAADAIAAAAAAAAAAACwAAAAAQAADAAAIGQABCBxIsKDBgwgTKlzIsKHDhxAjSpwoMCAAOw==",
	],
	[
		"lossy WebP",
		"image/webp",
		"UklGRjIAAABXRUJQVlA4ICYAAADQAgCdASpAAAMAP5nG22U5MaynKAgDIDMJaQAAPaOgAP7sbbgAAA==",
	],
	[
		"lossless WebP",
		"image/webp",
		"UklGRhoAAABXRUJQVlA4TA4AAAAvP4AAAAcQEf0PRET/Aw==",
	],
	[
		"WebP with transparency",
		"image/webp",
		"UklGRmAAAABXRUJQVlA4WAoAAAAQAAAAPwAAAgAAQUxQSBMAAAABD0AgaYu3/RERHIMQ0f8ACAAAAFZQOCAmAAAA0AIAnQEqQAADAD+ZxttlOTGspygIAyAzCWkAAD2joAD+7G24AAA=",
	],
];

test.each(PICTURES)(
	"a %s tells its kind and its size",
	(_, mimeType, base64) => {
		expect(sniffImage(Buffer.from(base64, "base64"))).toEqual({
			mimeType,
			width: 64,
			height: 3,
		});
	},
);

test.each(PICTURES)(
	"a %s cut anywhere tells the same or nothing",
	(_, mimeType, base64) => {
		const bytes = Buffer.from(base64, "base64");
		const told = [...bytes.keys()].map((end) =>
			sniffImage(bytes.subarray(0, end)),
		);
		const first = told.findIndex((info) => info !== undefined);
		expect(first).toBeGreaterThan(8);
		expect(told.slice(0, first)).toEqual(Array(first).fill(undefined));
		expect(told.slice(first)).toEqual(
			Array(bytes.length - first).fill({ mimeType, width: 64, height: 3 }),
		);
	},
);

test("bytes are read from where they lie, not from the start of their buffer", () => {
	const padded = Buffer.concat([
		Buffer.from("xxxxx"),
		Buffer.from(PICTURES[0]?.[2] ?? "", "base64"),
	]);
	expect(sniffImage(padded.subarray(5))).toEqual({
		mimeType: "image/png",
		width: 64,
		height: 3,
	});
});

test("a picture without extent is none", () => {
	const gif = Buffer.from("GIF89a\0\0\x03\0", "latin1");
	expect(imageType(gif)).toBe("image/gif");
	expect(sniffImage(gif)).toBeUndefined();
});

test("a text is no picture, whatever its file is called", () => {
	expect(imageType(Buffer.from("not a PNG"))).toBeUndefined();
	expect(sniffImage(Buffer.from("not a PNG"))).toBeUndefined();
	expect(sniffImage(new Uint8Array())).toBeUndefined();
});

test("no bytes that begin like a picture upset the reader", () => {
	const magics = [
		"\x89PNG\r\n\x1a\n",
		"\xff\xd8\xff",
		"GIF89a",
		"RIFF1234WEBPVP8 ",
		"RIFF1234WEBPVP8L",
		"RIFF1234WEBPVP8X",
	];
	fc.assert(
		fc.property(
			fc.constantFrom(...magics),
			fc.uint8Array({ maxLength: 80 }),
			(magic, rest) => {
				const info = sniffImage(
					Buffer.concat([Buffer.from(magic, "latin1"), rest]),
				);
				expect(info === undefined || (info.width > 0 && info.height > 0)).toBe(
					true,
				);
			},
		),
		{ numRuns: 2000 },
	);
});
