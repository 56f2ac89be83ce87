// What an image says of itself in its first bytes: enough to refuse one that a model's API would refuse.

import { beginsWith } from "./magic.ts";

/** An image's kind and size in pixels. */
export interface ImageInfo {
	mimeType: string;
	width: number;
	height: number;
}

/** What every provider takes of one picture: 5 MB as base64. Anthropic's limit; others' are wider. */
export const MAX_IMAGE_BYTES = (5 * 1024 * 1024 * 3) / 4;

/** And so many pixels each way. */
export const MAX_IMAGE_PIXELS = 8000;

/** Why a picture cannot be made anew. */
export class ImageFault extends Error {
	override name = "ImageFault";
	readonly kind: "unsupported" | "too_large" | "broken";

	constructor(kind: ImageFault["kind"], cause: unknown) {
		super(`the picture is ${kind}`, { cause });
		this.kind = kind;
	}
}

type Size = [width: number, height: number];

/** The kind of image that bytes begin like, by their magic number; the first 16 bytes are enough. */
export function imageType(bytes: Uint8Array): string | undefined {
	return formatOf(bytes)?.mimeType;
}

/**
 * Kind and size of a PNG, JPEG, GIF or WebP. Undefined for anything else, and where the header is cut or makes no sense.
 * A JPEG tells its size only after its metadata: give it the whole file.
 */
export function sniffImage(bytes: Uint8Array): ImageInfo | undefined {
	const format = formatOf(bytes);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const [width, height] = format?.size(view) ?? [0, 0];
	if (!format || width === 0 || height === 0) return undefined;
	return { mimeType: format.mimeType, width, height };
}

const FORMATS: {
	mimeType: string;
	magic: string;
	size(view: DataView): Size | undefined;
}[] = [
	{ mimeType: "image/png", magic: "\x89PNG\r\n\x1a\n", size: pngSize },
	{ mimeType: "image/jpeg", magic: "\xff\xd8\xff", size: jpegSize },
	{ mimeType: "image/gif", magic: "GIF87a", size: gifSize },
	{ mimeType: "image/gif", magic: "GIF89a", size: gifSize },
	{ mimeType: "image/webp", magic: "RIFF????WEBP", size: webpSize },
];

function formatOf(bytes: Uint8Array) {
	return FORMATS.find(({ magic }) => beginsWith(bytes, magic));
}

function pngSize(view: DataView): Size | undefined {
	if (view.byteLength < 24 || tag(view, 12) !== "IHDR") return undefined;
	return [view.getUint32(16), view.getUint32(20)];
}

function gifSize(view: DataView): Size | undefined {
	if (view.byteLength < 10) return undefined;
	return [view.getUint16(6, true), view.getUint16(8, true)];
}

/** Walks the segments (ITU T.81, annex B) to the start of the frame. */
function jpegSize(view: DataView): Size | undefined {
	let at = 2;
	while (at + 9 <= view.byteLength) {
		if (view.getUint8(at) !== 0xff) return undefined;
		const marker = view.getUint8(at + 1);
		const isFill = marker === 0xff;
		const isAlone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
		if (isFill || isAlone) {
			at += isFill ? 1 : 2;
			continue;
		}
		const isFrame =
			marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
		if (isFrame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
		const length = view.getUint16(at + 2);
		if (length < 2 || marker === 0xd9 || marker === 0xda) return undefined;
		at += 2 + length;
	}
	return undefined;
}

/** The three kinds of first chunk (RFC 9649). */
function webpSize(view: DataView): Size | undefined {
	if (view.byteLength < 30) return undefined;
	switch (tag(view, 12)) {
		case "VP8 ": {
			const isKeyFrame = view.getUint16(23) === 0x9d01;
			if (!isKeyFrame) return undefined;
			return [
				view.getUint16(26, true) & 0x3fff,
				view.getUint16(28, true) & 0x3fff,
			];
		}
		case "VP8L": {
			if (view.getUint8(20) !== 0x2f) return undefined;
			const bits = view.getUint32(21, true);
			return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
		}
		case "VP8X":
			return [
				(view.getUint32(24, true) & 0xffffff) + 1,
				(view.getUint32(26, true) >>> 8) + 1,
			];
		default:
			return undefined;
	}
}

function tag(view: DataView, at: number): string {
	return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}
