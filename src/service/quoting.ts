// Words as systemd writes them in a unit (systemd.syntax(7), "Quoting"; systemd.unit(5), "Specifiers").

import { AeonError } from "../core/errors.ts";

const PLAIN = /^[\w@%+=:,./-]+$/;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * A word that systemd reads as it is. Not for arguments of a command, where `$` would have to be doubled, too: in the
 * program's own path it stands for itself. Throws `usage` for one with control characters.
 */
export function quoteWord(word: string): string {
	if (CONTROL.test(word))
		throw new AeonError(
			"usage",
			`${JSON.stringify(word)} cannot be written into a unit`,
		);
	const literal = word.replaceAll("%", "%%");
	if (PLAIN.test(literal)) return literal;
	return `"${literal.replace(/["\\]/g, "\\$&")}"`;
}

/** The same for a program's path, in which systemd takes neither quotes nor backslashes. Throws `usage` for one with them. */
export function quoteProgram(path: string): string {
	if (/["'\\]/.test(path))
		throw new AeonError("usage", `systemd cannot start ${path}`, {
			hint: "Move the program to a path without quotes and backslashes.",
		});
	return quoteWord(path);
}

/** A path that is bound to its place where it is there; a colon would begin another path. Throws `usage` for one with it. */
export function quotePlace(path: string): string {
	if (path.includes(":"))
		throw new AeonError("usage", `systemd cannot open ${path} to a service`, {
			hint: "Name a path without a colon in aeon.json.",
		});
	return quoteWord(`-${path}`);
}

/** The first word of a line of a unit, as it was before it was quoted; empty where there is none. */
export function unquoteWord(line: string): string {
	const [, quoted, plain = ""] =
		/^(?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(line) ?? [];
	const word = quoted?.replace(/\\(.)/g, "$1") ?? plain;
	return word.replaceAll("%%", "%");
}
