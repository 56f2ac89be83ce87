// Text from outside that has to stand on one line: in a note for the model, as a name.

const MAX_NAME_LENGTH = 64;

/** A text on one line, and not too long. */
export function oneLine(text: string, maxLength: number): string {
	const line = text
		.toWellFormed()
		.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ")
		.trim();
	return line.length > maxLength
		? `${line
				.slice(0, maxLength - 1)
				.toWellFormed()
				.replace(/\ufffd$/, "")}…`
		: line;
}

/** A name on one line that cannot be taken for a speaker, a note or an id of its own. */
export function cleanName(name: unknown): string {
	const clean = String(name ?? "")
		.toWellFormed()
		.replace(/[\p{C}\p{Z}\p{Ps}\p{Pe}"：:]+/gu, " ")
		.trim();
	const short = [...clean].slice(0, MAX_NAME_LENGTH).join("");
	return short.trim() || "somebody";
}

/** How many of a list are named. */
const MAX_NAMED = 12;

/** A list on one line, its first dozen. */
export function listed(names: string[]): string {
	const rest = names.length - MAX_NAMED;
	const more = rest > 0 ? [`and ${rest} more`] : [];
	return [...names.slice(0, MAX_NAMED), ...more].join(" / ");
}
