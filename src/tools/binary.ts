import { beginsWith } from "../core/magic.ts";

/** What files that are no plain text begin with. */
const KINDS: [magic: string, kind: string][] = [
	["%PDF-", "a PDF"],
	["PK\x03\x04", "a ZIP archive (or a document made of one: docx, xlsx, odt)"],
	["\x1f\x8b", "gzip"],
	["\x28\xb5\x2f\xfd", "zstd"],
	["\xfd7zXZ\0", "xz"],
	["BZh", "bzip2"],
	["7z\xbc\xaf\x27\x1c", "a 7z archive"],
	["\x7fELF", "a program (ELF)"],
	["SQLite format 3\0", "a SQLite database"],
	["\xff\xfe", "a text in UTF-16"],
	["\xfe\xff", "a text in UTF-16"],
	["????ftyphei", "a picture in HEIC"],
	["????ftypmif1", "a picture in HEIC"],
	["????ftypavif", "a picture in AVIF"],
	["????ftyp", "a video (MP4)"],
	["II*\0", "a picture in TIFF"],
	["MM\0*", "a picture in TIFF"],
	["BM????\0\0\0\0", "a picture in BMP"],
	["OggS", "Ogg sound"],
	["ID3", "MP3 sound"],
	["RIFF????WAVE", "WAV sound"],
];

/** What the start of a file seems to be, where it is no plain text: there is a NUL in it, or it is a PDF. */
export function binaryKind(start: Uint8Array): string | undefined {
	const kind = KINDS.find(([magic]) => beginsWith(start, magic))?.[1];
	if (start.includes(0)) return kind ?? "binary data";
	return beginsWith(start, "%PDF-") ? kind : undefined;
}
