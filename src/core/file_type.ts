// What a file is by its first bytes, whatever it is called and whoever says what.

import { beginsWith } from "./magic.ts";

/** A kind of file. */
export interface FileType {
	mimeType: string;
	/** With its dot. */
	extension: string;
}

/** As many bytes as `fileType` looks at. */
export const FILE_HEAD_BYTES = 64;

/** The first that fits counts. */
const TYPES: [magic: string, mimeType: string, extension: string][] = [
	["\x89PNG\r\n\x1a\n", "image/png", ".png"],
	["\xff\xd8\xff", "image/jpeg", ".jpg"],
	["GIF87a", "image/gif", ".gif"],
	["GIF89a", "image/gif", ".gif"],
	["RIFF????WEBP", "image/webp", ".webp"],
	["????ftyphei", "image/heic", ".heic"],
	["????ftyphev", "image/heic", ".heic"],
	["????ftypmif1", "image/heic", ".heic"],
	["????ftypmsf1", "image/heic", ".heic"],
	["????ftypavi", "image/avif", ".avif"],
	["BM????\0\0\0\0", "image/bmp", ".bmp"],
	["II*\0", "image/tiff", ".tiff"],
	["MM\0*", "image/tiff", ".tiff"],
	["OggS", "audio/ogg", ".ogg"],
	["ID3", "audio/mpeg", ".mp3"],
	// Frames without tags: MPEG-1 and -2, layer III, with and without a checksum; then AAC (ISO 13818-7, 6.2).
	["\xff\xfb", "audio/mpeg", ".mp3"],
	["\xff\xfa", "audio/mpeg", ".mp3"],
	["\xff\xf3", "audio/mpeg", ".mp3"],
	["\xff\xf2", "audio/mpeg", ".mp3"],
	["\xff\xf1", "audio/aac", ".aac"],
	["\xff\xf9", "audio/aac", ".aac"],
	["????ftypM4A", "audio/mp4", ".m4a"],
	["????ftypM4B", "audio/mp4", ".m4a"],
	["RIFF????WAVE", "audio/wav", ".wav"],
	["fLaC", "audio/flac", ".flac"],
	["#!AMR", "audio/amr", ".amr"],
	["????ftypqt", "video/quicktime", ".mov"],
	["????ftyp", "video/mp4", ".mp4"],
	["\x1a\x45\xdf\xa3", "video/webm", ".webm"],
	["RIFF????AVI ", "video/x-msvideo", ".avi"],
	["%PDF-", "application/pdf", ".pdf"],
	["PK\x03\x04", "application/zip", ".zip"],
	["\x1f\x8b", "application/gzip", ".gz"],
	["7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", ".7z"],
];

/** What bytes begin like; undefined for a text, and for anything else that has no mark of its own. */
export function fileType(head: Uint8Array): FileType | undefined {
	const found = TYPES.find(([magic]) => beginsWith(head, magic));
	if (!found) return undefined;
	const [, mimeType, extension] = found;
	return { mimeType, extension };
}
