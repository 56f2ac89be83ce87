// How a session is called on disk. Any key is a file name, and no two keys are the same one, on any file system.

import { platform } from "../core/platform.ts";

export const EXTENSION = ".jsonl";

// With an archive's suffix and the extension it stays below the 255 bytes that file systems allow.
const MAX_BASE_LENGTH = 200;
const KEPT_OF_LONG_BASE = 120;

/** A key, and the `#<time>` that resets have put behind it. Renaming a session's file changes the suffix only. */
export interface KeyParts {
	base: string;
	suffix: string;
}

/** The two parts of a key. The file's header holds the base, its name both. */
export function splitKey(key: string): KeyParts {
	const [, base = key, suffix = ""] =
		/^(.+?)((?:#\d+)*)$/s.exec(key.toWellFormed()) ?? [];
	return { base, suffix };
}

/**
 * The name of a session's file. Everything but `a-z0-9_-` is written as `%` and the hexadecimal of its UTF-8, capitals
 * too, for some file systems take `A` for `a`; a long base is cut and ends in `~` and its SHA-256. A suffix stays readable.
 */
export function fileName(key: string): string {
	const { base, suffix } = splitKey(key);
	const encoded = base.replace(/[^a-z0-9_-]/gu, (character) =>
		Buffer.from(character).toString("hex").replace(/../g, "%$&"),
	);
	const name =
		encoded.length > MAX_BASE_LENGTH
			? `${encoded.slice(0, KEPT_OF_LONG_BASE)}~${platform.sha256(base)}`
			: encoded;
	return `${name}${suffix}${EXTENSION}`;
}

/** The suffix in a file's name: only there does `#` stand for itself. */
export function suffixOf(name: string): string {
	const start = name.indexOf("#");
	return start < 0 ? "" : name.slice(start, -EXTENSION.length);
}
