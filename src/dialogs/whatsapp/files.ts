// A file on its way to WhatsApp, as the kind of message that shows it best.

import type { OutboundFile } from "../../core/delivery.ts";
import { AeonError } from "../../core/errors.ts";
import { putLast } from "../memory.ts";
import type { GraphClient } from "./client.ts";
import { kindOf } from "./failure.ts";

type Kind = "image" | "audio" | "video" | "document";

const MB = 1024 * 1024;

/** https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types */
const KINDS: Record<string, Kind> = {
	"image/jpeg": "image",
	"image/png": "image",
	"audio/aac": "audio",
	"audio/amr": "audio",
	"audio/mpeg": "audio",
	"audio/mp4": "audio",
	"audio/ogg": "audio",
	"video/mp4": "video",
	"video/3gpp": "video",
};

const MAX_BYTES: Record<Kind, number> = {
	image: 5 * MB,
	audio: 16 * MB,
	video: 16 * MB,
	document: 100 * MB,
};

const OPEN_XML = "application/vnd.openxmlformats-officedocument";

/** What documents are by the end of their name, where their bytes do not tell it. */
const OFFICE: Record<string, string> = {
	doc: "application/msword",
	xls: "application/vnd.ms-excel",
	ppt: "application/vnd.ms-powerpoint",
	docx: `${OPEN_XML}.wordprocessingml.document`,
	xlsx: `${OPEN_XML}.spreadsheetml.sheet`,
	pptx: `${OPEN_XML}.presentationml.presentation`,
};

/** Every type that can be uploaded (the page above). */
const TAKEN = new Set([
	...Object.keys(KINDS),
	...Object.values(OFFICE),
	"image/webp",
	"application/pdf",
	"text/plain",
]);
const TAKES =
	"WhatsApp takes JPEG, PNG and WebP, sound and video as phones make them, PDF, Office files and text";

/** What is a text is taken as nothing but `text/plain`. */
const TEXT_TYPES = /^(text\/|application\/(json|xml)$|image\/svg\+xml$)/;
const TEXT_ENDS =
	/^(txt|md|csv|tsv|json|xml|html|css|js|ts|py|sh|sql|yaml|yml|toml|ini|log|ics|vcf|srt|svg|gpx|tex|eml)$/;

/** A file and what is said under it. */
export interface CaptionedFile {
	file: OutboundFile;
	/** What has to be said with it. */
	text: string;
	/** What stands under it, where something can. */
	caption: string;
	/** What was uploaded for an earlier try. */
	uploads: Uploads;
}

/** By message and size, the media ids of files whose messages are not sent yet. */
export type Uploads = Map<string, string>;

/** Of what was given up, so many are remembered. */
const MAX_UPLOADS = 20;

/** False of sound, which has no words under it. */
export function canHaveCaption(mimeType: string): boolean {
	return kindOfType(mimeType) !== "audio";
}

/** Sends a file, and gives its wamid. What is not taken as what it is goes as a document. */
export async function sendFile(
	client: GraphClient,
	{ file, text, caption, uploads }: CaptionedFile,
	envelope: Record<string, unknown>,
	signal?: AbortSignal,
): Promise<string> {
	const { name, size } = file;
	const type = typeOf(file);
	if (size === 0) throw rejected(name, "it is empty");
	if (size > MAX_BYTES.document)
		throw rejected(name, "it is larger than 100 MB");
	if (!TAKEN.has(type)) throw rejected(name, `${TAKES}, and this is ${type}`);
	const callback = envelope.biz_opaque_callback_data;
	const key = callback === undefined ? "" : `${callback} ${size}`;
	let id = uploads.get(key);
	const sendAs = async (kind: Kind): Promise<string> => {
		id ??= await client.upload({ ...file, mimeType: type }, signal);
		if (key !== "") putLast(uploads, key, id, MAX_UPLOADS);
		const content = {
			id,
			...(kind === "document" && { filename: name.toWellFormed() }),
			...(kind !== "audio" && caption !== "" && { caption }),
		};
		const message = { ...envelope, type: kind, [kind]: content };
		const wamid = await client.send(message, { signal });
		uploads.delete(key);
		return wamid;
	};
	const kind = bestKind(file, text);
	try {
		return await sendAs(kind);
	} catch (error) {
		const isRefused = kindOf(error) === "refused" && id !== undefined;
		if (!isRefused || kind === "document") throw error;
		return sendAs("document");
	}
}

function bestKind({ mimeType, size }: OutboundFile, text: string): Kind {
	const kind = kindOfType(mimeType);
	const isTaken = size <= MAX_BYTES[kind] && (kind !== "audio" || text === "");
	return isTaken ? kind : "document";
}

function kindOfType(mimeType: string): Kind {
	return (Object.hasOwn(KINDS, mimeType) && KINDS[mimeType]) || "document";
}

/** What WhatsApp knows a file as: it refuses others. */
function typeOf({ name, mimeType }: OutboundFile): string {
	const [, end = ""] = /\.([a-z]+)$/.exec(name.toLowerCase()) ?? [];
	const isNameless = mimeType === "application/octet-stream";
	const isOffice = isNameless || mimeType === "application/zip";
	if (isOffice && Object.hasOwn(OFFICE, end)) return OFFICE[end] ?? mimeType;
	return TEXT_TYPES.test(mimeType) || (isNameless && TEXT_ENDS.test(end))
		? "text/plain"
		: mimeType;
}

function rejected(name: string, reason: string): AeonError {
	return new AeonError(
		"peer_rejected",
		`The file ${JSON.stringify(name)} was not sent: ${reason}`,
	);
}
