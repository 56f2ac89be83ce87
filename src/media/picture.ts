// A picture as models take it: checked by its bytes, made smaller or put into another format where it has to be.

import { join } from "node:path";
import { orAborted } from "../core/abort.ts";
import {
	ImageFault,
	type ImageInfo,
	MAX_IMAGE_BYTES,
	sniffImage,
} from "../core/image.ts";
import type { Attachment } from "../core/message.ts";
import { platform } from "../core/platform.ts";
import { type Download, MAX_FILE_BYTES } from "./download.ts";
import { type MediaWorkspace, readWhole } from "./workspace.ts";

/** Pixels each way: what Anthropic takes where there are many pictures, and more than any model looks at. */
const MAX_EDGE = 2000;

/** Decoded, it takes up to 160 MB for a moment: what a Pi with 512 MB can spare. */
const MAX_PIXELS = 40_000_000;

/** A picture that the model can be shown, and from what size to which it was made smaller; or why it cannot. */
export type Showable =
	| { attachment: Attachment; scaled?: string }
	| { reason: string };

let last: Promise<unknown> = Promise.resolve();

/** Makes a picture of the workspace fit for a model: itself, or a smaller one beside it. One after the other, for the memory's sake. */
export function makeShowable(
	workspace: MediaWorkspace,
	file: Download,
	signal: AbortSignal,
): Promise<Showable> {
	const work = last.then(() => show(workspace, file));
	last = work.catch(() => {});
	return orAborted(work, signal);
}

async function show(
	workspace: MediaWorkspace,
	{ path, type }: Download,
): Promise<Showable> {
	const bytes = await readWhole(workspace, path, MAX_FILE_BYTES);
	const image = sniffImage(bytes);
	const at = (name: string) => join(workspace.root, name);
	if (image && isFit(bytes, image))
		return { attachment: { path: at(path), mimeType: image.mimeType } };
	const mimeType = type?.mimeType ?? "";
	const kind = mimeType.replace("image/", "").toUpperCase();
	if (!image && FORMATS.has(mimeType)) return { reason: "it is damaged" };
	try {
		const smaller = await shrink(bytes, mimeType);
		if (!smaller) return { reason: tooLarge(image) };
		const name = path.replace(/\.[a-z]+$/, `-small${smaller.extension}`);
		await workspace.write(name, smaller.bytes, "write");
		const attachment = { path: at(name), mimeType: smaller.mimeType };
		const isSmaller = !!image && edge(image) > edge(smaller);
		if (!isSmaller) return { attachment };
		const scaled = `${formatPixels(image)} to ${formatPixels(smaller)}`;
		return { attachment, scaled };
	} catch (error) {
		if (!(error instanceof ImageFault)) throw error;
		if (error.kind === "too_large") return { reason: tooLarge(image) };
		if (error.kind === "broken") return { reason: "it is damaged" };
		return { reason: `pictures in ${kind} cannot be read on this system` };
	}
}

/** What models take as it is. */
const FORMATS = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

function isFit(bytes: Uint8Array, image: ImageInfo): boolean {
	return bytes.length <= MAX_IMAGE_BYTES && edge(image) <= MAX_EDGE;
}

function edge({ width, height }: { width: number; height: number }): number {
	return Math.max(width, height);
}

/** A drawing stays a PNG, sharp and with what is transparent, unless that is too large. */
async function shrink(bytes: Uint8Array, mimeType: string) {
	const formats = mimeType === "image/png" ? ["png", "jpeg"] : ["jpeg"];
	for (const format of formats as ("png" | "jpeg")[]) {
		const made = await platform.scaleImage(bytes, {
			maxEdge: MAX_EDGE,
			maxPixels: MAX_PIXELS,
			format,
		});
		if (made.bytes.length > MAX_IMAGE_BYTES) continue;
		const extension = format === "png" ? ".png" : ".jpg";
		return { ...made, mimeType: `image/${format}`, extension };
	}
	return undefined;
}

function tooLarge(image: ImageInfo | undefined): string {
	return image ? `it is too large (${formatPixels(image)})` : "it is too large";
}

function formatPixels({ width, height }: { width: number; height: number }) {
	return `${width} × ${height} px`;
}
