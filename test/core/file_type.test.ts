import { expect, test } from "bun:test";
import { FILE_HEAD_BYTES, fileType } from "../../src/core/file_type.ts";
import { HEIC, picture } from "../support/pictures.ts";

const SAMPLES: [begin: string, mimeType: string, extension: string][] = [
	["GIF89a\x01\0", "image/gif", ".gif"],
	["\0\0\0\x1cftypmif1", "image/heic", ".heic"],
	["\0\0\0\x1cftypavif", "image/avif", ".avif"],
	["II*\0\x08", "image/tiff", ".tiff"],
	["OggS\0\x02", "audio/ogg", ".ogg"],
	["ID3\x04\0", "audio/mpeg", ".mp3"],
	["\xff\xfb\x90", "audio/mpeg", ".mp3"],
	["\xff\xf1\x50", "audio/aac", ".aac"],
	["\0\0\0\x20ftypM4A ", "audio/mp4", ".m4a"],
	["RIFF\x24\0\0\0WAVEfmt ", "audio/wav", ".wav"],
	["fLaC\0", "audio/flac", ".flac"],
	["#!AMR\n", "audio/amr", ".amr"],
	["\0\0\0\x14ftypqt  ", "video/quicktime", ".mov"],
	["\0\0\0\x18ftypmp42", "video/mp4", ".mp4"],
	["\x1a\x45\xdf\xa3", "video/webm", ".webm"],
	["%PDF-1.4", "application/pdf", ".pdf"],
	["PK\x03\x04\x14", "application/zip", ".zip"],
];

test.each(SAMPLES)("bytes that begin with %j are %s", (begin, ...type) => {
	const [mimeType, extension] = type;
	expect(fileType(Buffer.from(begin, "latin1"))).toEqual({
		mimeType,
		extension,
	});
});

test("real pictures tell their kind by their head", async () => {
	const pictures: [Uint8Array, string][] = [
		[await picture("png", 9, 9), "image/png"],
		[await picture("jpeg", 9, 9), "image/jpeg"],
		[await picture("webp", 9, 9), "image/webp"],
		[await picture("bmp", 9, 9), "image/bmp"],
		[HEIC, "image/heic"],
	];
	for (const [bytes, mimeType] of pictures)
		expect(fileType(bytes.subarray(0, FILE_HEAD_BYTES))?.mimeType).toBe(
			mimeType,
		);
});

test("a text, even one that begins like something, and nothing at all have no kind", () => {
	for (const text of ["BMW is a car", "", "II. Chapter", "<svg></svg>", "ID"])
		expect(fileType(Buffer.from(text))).toBeUndefined();
});
