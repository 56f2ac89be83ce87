// What comes with a message: fetched into the workspace, looked at, listened to, and told in one line each.

import { orAborted } from "../core/abort.ts";
import { describeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Attachment, RemoteFile } from "../core/message.ts";
import {
	type Download,
	type DownloadParts,
	download,
	MAX_FILE_BYTES,
} from "./download.ts";
import { formatSize, labelOf } from "./label.ts";
import { makeShowable } from "./picture.ts";
import type { Transcriber } from "./transcriber.ts";
import { readWhole } from "./workspace.ts";

/** What taking files in needs. */
export interface IntakeParts extends DownloadParts {
	/** None where `transcription` is not in aeon.json. */
	transcriber?: Transcriber | undefined;
	logger: Logger;
	/** What was fetched before. */
	ready?(file: RemoteFile): Promise<Download | undefined>;
}

/** What came of files. */
export interface Intake {
	/** Pictures that the model can be shown. */
	attachments: Attachment[];
	/** One for each file, for the model: a line in brackets. */
	notes: string[];
	/** For the person: what could not be done, a sentence each. */
	remarks: string[];
}

/** What came of one file. */
interface Taken {
	note: string;
	remark?: string;
	attachment?: Attachment;
}

/** Longer ones would leave no room in the model's window; they are in a file. */
const MAX_TRANSCRIPT = 12_000;

const MAX_REASON = 300;

/**
 * Takes files in, one after the other. Whatever happens to one, it ends in exactly one note; what could not be done is a
 * remark as well. Throws `signal.reason` where that is aborted, and nothing else.
 */
export async function takeFiles(
	files: readonly RemoteFile[],
	parts: IntakeParts,
	signal: AbortSignal,
): Promise<Intake> {
	const taken: Taken[] = [];
	for (const file of files) {
		signal.throwIfAborted();
		taken.push(await takeFile(file, parts, signal));
	}
	return {
		attachments: taken.flatMap(({ attachment }) => attachment ?? []),
		notes: taken.map(({ note }) => `[${note}]`),
		remarks: taken.flatMap(({ remark }) => remark ?? []),
	};
}

async function takeFile(
	file: RemoteFile,
	parts: IntakeParts,
	signal: AbortSignal,
): Promise<Taken> {
	const label = labelOf(file);
	let got: Download;
	try {
		const ready = parts.ready && orAborted(parts.ready(file), signal);
		got = (await ready) ?? (await download(file, parts, signal));
	} catch (error) {
		const reason = fail(file, parts, signal, error);
		const said = `${label}: it could not be fetched: ${reason}`;
		return { note: said, remark: said };
	}
	const { type, size, path } = got;
	const saved = `${label} (${formatSize(size)}) saved as ${path}`;
	const mimeType = type?.mimeType ?? "";
	if (mimeType.startsWith("image/"))
		return takePicture(file, got, saved, parts, signal);
	if (file.kind === "image") return noSuch("picture", label, saved);
	if (file.kind !== "voice" && file.kind !== "audio") return { note: saved };
	// Sound also comes in containers that are made for video.
	return /^(audio|video)\//.test(mimeType)
		? takeSound(file, got, parts, signal)
		: noSuch("sound", label, saved);
}

async function takePicture(
	file: RemoteFile,
	got: Download,
	saved: string,
	parts: IntakeParts,
	signal: AbortSignal,
): Promise<Taken> {
	const label = labelOf(file);
	let reason: string;
	try {
		const shown = await makeShowable(parts.workspace, got, signal);
		if ("attachment" in shown) {
			const { attachment, scaled } = shown;
			const how = scaled ? `; you see it scaled down, ${scaled}` : "";
			return { note: `${saved}${how}`, attachment };
		}
		({ reason } = shown);
	} catch (error) {
		reason = fail(file, parts, signal, error);
	}
	return {
		note: `${saved}; you cannot see it: ${reason}`,
		remark: `${label}: the model cannot see it: ${reason}`,
	};
}

/** What is spoken, in words; or why there are none. */
async function takeSound(
	file: RemoteFile,
	{ path, type }: Download,
	parts: IntakeParts,
	signal: AbortSignal,
): Promise<Taken> {
	const label = labelOf(file);
	const { transcriber, workspace } = parts;
	const untold = (said: string): Taken => ({
		note: `${said}; saved as ${path}`,
		remark: said,
	});
	if (!transcriber) return untold(`${label}; no transcriber is configured`);
	try {
		const recording = {
			name: `audio${type?.extension ?? ""}`,
			mimeType: type?.mimeType ?? "application/octet-stream",
			bytes: await readWhole(workspace, path, MAX_FILE_BYTES),
		};
		const words = await transcriber.transcribe(recording, signal);
		if (words === "") return { note: `${label}: nothing was understood` };
		if (words.length <= MAX_TRANSCRIPT)
			return { note: `${label}: "${words.toWellFormed()}"` };
		const script = path.replace(/\.[^.]+$/, ".txt");
		await workspace.write(script, words, "write");
		const begin = words.slice(0, MAX_TRANSCRIPT).toWellFormed();
		return { note: `${label}: "${begin}…" (all of it in ${script})` };
	} catch (error) {
		const reason = fail(file, parts, signal, error);
		return untold(`${label}: it could not be transcribed: ${reason}`);
	}
}

/** It is not what it was sent as, and is kept as it is. */
function noSuch(what: string, label: string, saved: string): Taken {
	return {
		note: `${saved}; there is no ${what} in it`,
		remark: `${label}: there is no ${what} in it, so it is kept as a file`,
	};
}

/** Writes down why something was not done, and gives it as it is told. An abort is thrown on. */
function fail(
	{ kind, uniqueId }: RemoteFile,
	{ logger }: IntakeParts,
	signal: AbortSignal,
	error: unknown,
): string {
	signal.throwIfAborted();
	logger.warn("media.failed", { kind, file: uniqueId, error });
	const line = describeError(error)
		.replace(/[\s\p{C}]+/gu, " ")
		.trim();
	return line.slice(0, MAX_REASON).replace(/\.$/, "").toWellFormed();
}
