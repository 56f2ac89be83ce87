// How a file is spoken of, to the model and to the person.

import { code } from "../core/markdown.ts";
import type { RemoteFile } from "../core/message.ts";

const NOUNS: Record<RemoteFile["kind"], string> = {
	image: "picture",
	voice: "voice message",
	audio: "audio file",
	video: "video",
	document: "document",
};

const MAX_NAME = 80;

/** Such as ``voice message, 12 s`` and ``document `report.pdf` ``: the name as its sender wrote it, as code and no longer than a line. */
export function labelOf({ kind, name, seconds }: RemoteFile): string {
	const noun = NOUNS[kind];
	const plain = name?.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, "").trim();
	const named = plain ? `${noun} ${nameOf(plain)}` : noun;
	return seconds === undefined ? named : `${named}, ${Math.round(seconds)} s`;
}

/** Such as `23 kB`. */
export function formatSize(bytes: number): string {
	if (bytes < 1_000) return `${bytes} bytes`;
	if (bytes < 999_500) return `${Math.round(bytes / 1_000)} kB`;
	return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** The end stays, for it may tell the kind. */
function nameOf(name: string): string {
	const short =
		name.length > MAX_NAME
			? `${name.slice(0, MAX_NAME / 2)}…${name.slice(-MAX_NAME / 2)}`
			: name;
	return code(short.toWellFormed());
}
