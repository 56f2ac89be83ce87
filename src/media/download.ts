// Bringing a file into the workspace: piece by piece, up to a limit, under a name of Aeon's own.

import type { Clock } from "../core/clock.ts";
import { AeonError, hasCode } from "../core/errors.ts";
import { FILE_HEAD_BYTES, type FileType, fileType } from "../core/file_type.ts";
import type { RemoteFile } from "../core/message.ts";
import type { MediaWorkspace } from "./workspace.ts";

/** What Telegram gives to bots, too. */
export const MAX_FILE_BYTES = 20 * 1024 * 1024;

const FOLDER = "attachments";

/** How long to wait before the second and the third try; longer where the far side asks for it. */
const PAUSES_MS = [1_000, 4_000];
const MAX_PAUSE_MS = 20_000;

/** What the name of a file may choose among, where its bytes allow all of them. */
const ARCHIVES = /\.(docx|xlsx|pptx|odt|ods|odp|epub)$/;
const TEXTS =
	/\.(txt|md|csv|tsv|json|xml|html|css|js|ts|py|sh|sql|yaml|yml|toml|ini|log|ics|vcf|srt|svg|gpx|tex|eml)$/;

/** What a download needs. */
export interface DownloadParts {
	fetch(file: RemoteFile, signal: AbortSignal): AsyncIterable<Uint8Array>;
	workspace: MediaWorkspace;
	clock: Clock;
}

/** A file that is in the workspace. */
export interface Download {
	/** Relative to the workspace. */
	path: string;
	size: number;
	/** By its bytes; none where they tell nothing. */
	type: FileType | undefined;
}

/**
 * Fetches a file. What may pass is tried three times. Throws a sentence; of a file that fails, or is too large, nothing
 * stays on the disk.
 */
export async function download(
	file: RemoteFile,
	parts: DownloadParts,
	signal: AbortSignal,
): Promise<Download> {
	if (file.size !== undefined && file.size > MAX_FILE_BYTES) throw tooLarge();
	for (let tries = 0; ; tries++) {
		try {
			return await downloadOnce(file, parts, signal);
		} catch (error) {
			signal.throwIfAborted();
			const pauseMs = PAUSES_MS[tries];
			const mayPass = hasCode(error, "peer_unavailable", "peer_silent");
			if (pauseMs === undefined || !mayPass) throw error;
			const waitMs = Math.max(pauseMs, error.retryAfterMs ?? 0);
			if (waitMs > MAX_PAUSE_MS) throw error;
			await parts.clock.sleep(waitMs, signal);
		}
	}
}

async function downloadOnce(
	file: RemoteFile,
	{ fetch, workspace }: DownloadParts,
	signal: AbortSignal,
): Promise<Download> {
	const pieces = fetch(file, signal)[Symbol.asyncIterator]();
	try {
		const head = await readHead(pieces);
		const type = fileType(head);
		const path = `${FOLDER}/${stemOf(file)}${extensionOf(type, head, file)}`;
		const size = await workspace.write(path, capped(head, pieces), "write");
		return { path, size, type };
	} finally {
		await pieces.return?.();
	}
}

/** The first pieces, as many as tell the kind. */
async function readHead(
	pieces: AsyncIterator<Uint8Array>,
): Promise<Uint8Array> {
	let head = Buffer.alloc(0);
	while (head.length < FILE_HEAD_BYTES) {
		const { done, value } = await pieces.next();
		if (done) break;
		head = Buffer.concat([head, value]);
	}
	return head;
}

async function* capped(
	head: Uint8Array,
	pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
	let size = head.length;
	yield head;
	for (;;) {
		const { done, value } = await pieces.next();
		if (done) return;
		size += value.length;
		if (size > MAX_FILE_BYTES) throw tooLarge();
		yield value;
	}
}

/** Whatever the far side calls it, it leads nowhere else. */
function stemOf({ uniqueId }: RemoteFile): string {
	const safe = uniqueId.replace(/[^A-Za-z0-9_-]/g, "").slice(0, 64);
	return safe || crypto.randomUUID();
}

function extensionOf(
	type: FileType | undefined,
	head: Uint8Array,
	{ name = "" }: RemoteFile,
): string {
	const claimed = name.toLowerCase();
	if (type?.extension === ".zip")
		return ARCHIVES.exec(claimed)?.[0] ?? type.extension;
	if (type) return type.extension;
	return isText(head) ? (TEXTS.exec(claimed)?.[0] ?? ".txt") : ".bin";
}

function isText(head: Uint8Array): boolean {
	if (head.includes(0)) return false;
	try {
		// The last character may be cut.
		new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
		return true;
	} catch {
		return false;
	}
}

function tooLarge(): AeonError {
	return new AeonError(
		"too_large",
		`it is larger than ${MAX_FILE_BYTES / 1024 / 1024} MB`,
	);
}
