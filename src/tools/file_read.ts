import * as z from "zod/mini";
import { imageType, sniffImage } from "../core/image.ts";
import { binaryKind } from "./binary.ts";
import { readPage } from "./page.ts";
import { quote } from "./path.ts";
import { Refusal, refusable } from "./refusal.ts";
import { defineTool, type ToolResult } from "./tool.ts";
import type { OpenDirectory, OpenFile } from "./workspace.ts";

/** As much as tells a text from anything else. */
const HEAD_BYTES = 8192;
/** Anthropic's limits; OpenAI's are wider. */
const MAX_IMAGE_BASE64_BYTES = 5 * 1024 * 1024;
const MAX_IMAGE_PIXELS = 8000;
const MAX_ENTRIES = 200;

/** Shows the model a file: a text page by page, a picture as a picture, a directory as a list. */
export const file_read = defineTool({
	name: "file_read",
	description:
		"Read a text file of the workspace (up to 50 KB a call), see a picture (PNG, JPEG, GIF, WebP) or list a directory.",
	parameters: z.strictObject({
		path: z
			.string()
			.check(z.describe('A path relative to the workspace, or "."')),
		offset: z.optional(
			z
				.int()
				.check(z.minimum(1), z.describe("Number of the first line, from 1")),
		),
		limit: z.optional(
			z.int().check(z.minimum(1), z.describe("Number of lines")),
		),
	}),

	execute: ({ path, offset = 1, limit }, { workspace, signal }) =>
		refusable(async () => {
			signal.throwIfAborted();
			await using opened = await workspace.open(path);
			if (opened.kind === "directory") return await listDirectory(opened);
			const head = new Uint8Array(HEAD_BYTES);
			const start = head.subarray(0, await opened.read(head, 0));
			if (imageType(start)) return await showImage(opened, path);
			const kind = binaryKind(start);
			if (kind)
				throw new Refusal(
					`${quote(path)} is not a plain text: ${opened.size} bytes that seem to be ${kind}.`,
				);
			return success(await readPage(opened, { offset, limit }, signal));
		}),
});

async function listDirectory(directory: OpenDirectory): Promise<ToolResult> {
	const { entries, total } = await directory.list(MAX_ENTRIES);
	if (total === 0) return success("[the directory is empty]");
	const lines = entries.map(({ name, kind, size }) => {
		// A name may hold a line break and pass for two.
		const shown = /^[^\p{Cc}]+$/u.test(name) ? name : JSON.stringify(name);
		if (kind === "directory") return `${shown}/`;
		return kind === "file"
			? `${shown} (${size} bytes)`
			: `${shown} (not a plain file)`;
	});
	if (total > MAX_ENTRIES)
		lines.push(`[… ${total - MAX_ENTRIES} more names left out …]`);
	return success(lines.join("\n"));
}

async function showImage(file: OpenFile, path: string): Promise<ToolResult> {
	const base64Bytes = Math.ceil(file.size / 3) * 4;
	if (base64Bytes > MAX_IMAGE_BASE64_BYTES)
		throw new Refusal(
			`The picture ${quote(path)} has ${file.size} bytes; at most ${(MAX_IMAGE_BASE64_BYTES / 4) * 3} can be looked at. Make it smaller first.`,
		);
	const bytes = new Uint8Array(file.size);
	const image = sniffImage(bytes.subarray(0, await file.read(bytes, 0)));
	if (!image)
		throw new Refusal(
			`${quote(path)} begins like a picture, but its header is broken.`,
		);
	const { mimeType, width, height } = image;
	if (Math.max(width, height) > MAX_IMAGE_PIXELS)
		throw new Refusal(
			`The picture ${quote(path)} is ${width}×${height} pixels; at most ${MAX_IMAGE_PIXELS} each way can be looked at. Make it smaller first.`,
		);
	return {
		...success(`${mimeType}, ${width}×${height}`),
		attachments: [{ path: file.path, mimeType }],
	};
}

function success(output: string): ToolResult {
	return { success: true, output };
}
