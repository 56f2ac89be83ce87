// The files that lie with Telegram until their turn fetches them.

import type { Message, PhotoSize } from "grammy/types";
import type { RemoteFile } from "../../core/message.ts";

/** What of a message can be a file. */
export type FileFields = Pick<
	Message,
	| "photo"
	| "live_photo"
	| "document"
	| "voice"
	| "audio"
	| "video"
	| "video_note"
	| "animation"
>;

/** What every one of Telegram's files has, and some have. */
interface TelegramFile {
	file_id: string;
	file_unique_id: string;
	file_name?: string;
	mime_type?: string;
	file_size?: number;
	duration?: number;
}

/** Beyond these a picture would only be scaled down again, or refused. */
const MAX_IMAGE_SIDE = 2_000;
const MAX_IMAGE_BYTES = 5_000_000;

/** Telegram's have about twenty; a file on this machine is named by it. */
const MAX_ID_LENGTH = 64;

/** The files of a message. */
export function readFiles(fields: FileFields): RemoteFile[] {
	const { photo, live_photo, document, voice, audio, video } = fields;
	const { video_note, animation } = fields;
	const sizes = photo ?? live_photo?.photo ?? [];
	const picture = bestSize(sizes);
	const moving = picture ? undefined : live_photo;
	const isImage = document?.mime_type?.startsWith("image/") === true;
	const found: [RemoteFile["kind"], TelegramFile | undefined][] = [
		["image", picture && { ...picture, mime_type: "image/jpeg" }],
		["voice", voice],
		["audio", audio],
		["video", video ?? video_note ?? animation ?? moving],
		// Of an animation the document is the same file again.
		[isImage ? "image" : "document", animation ? undefined : document],
	];
	return found.flatMap(([kind, file]) => (file ? [remote(kind, file)] : []));
}

/** The largest that needs no scaling, else the smallest. */
function bestSize(sizes: PhotoSize[]): PhotoSize | undefined {
	const bySize = sizes.toSorted(
		(a, b) => a.width * a.height - b.width * b.height,
	);
	const fits = bySize.findLast(
		({ width, height, file_size = 0 }) =>
			Math.max(width, height) <= MAX_IMAGE_SIDE && file_size <= MAX_IMAGE_BYTES,
	);
	return fits ?? bySize[0];
}

function remote(kind: RemoteFile["kind"], file: TelegramFile): RemoteFile {
	const { file_name, mime_type, file_size, duration } = file;
	return {
		kind,
		id: file.file_id,
		uniqueId: file.file_unique_id
			.replace(/[^\w-]/g, "_")
			.slice(0, MAX_ID_LENGTH),
		...(file_name !== undefined && { name: file_name }),
		...(mime_type !== undefined && { mimeType: mime_type }),
		...(file_size !== undefined && { size: file_size }),
		...(duration !== undefined && { seconds: duration }),
	};
}
