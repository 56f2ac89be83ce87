// Characters that only look like marks: WhatsApp knows no escape, and would take some of them for marks.

/**
 * A hair space. After a mark, any blank keeps WhatsApp from reading one, and this is the narrowest that all its apps call
 * a blank: of the characters without any width, only Apple's systems do so, and only U+200B.
 */
export const GAP = "\u200a";

/** What a unit of a line is: text as it was meant. */
export const TEXT = 0;

/** A mark of WhatsApp's. */
export const MARK = 1;

/** Text in a span of code. */
export const IN_CODE = 2;

/** Text in an address. */
export const IN_ADDRESS = 3;

/** A line with its marks, before anything is done about what only looks like marks. */
export interface Draft {
	line: string;
	/** What each unit of the line is. */
	roles: Uint8Array;
	/** Where in the line each unit of its text is. */
	places: Int32Array;
}

/** What only looks like marks: whether it could begin or end something, and whether something would begin there. */
export interface Strays {
	isLive: Uint8Array;
	isForming: Uint8Array;
}

const KINDS = "*_~`";

const WORD_BEFORE = /[\p{L}\p{N}]$/u;
const WORD_AFTER = /^[\p{L}\p{N}]/u;

/** Finds them by WhatsApp's rules: a mark touches what it is around, and no letter or figure outside. */
export function findStrays({ line, roles }: Draft): Strays {
	const isLive = new Uint8Array(line.length);
	const isForming = new Uint8Array(line.length);
	const lastEnd = new Map<string, number>();
	let runEnd = 0;
	for (let at = line.length - 1; at >= 0; at--) {
		const unit = line.charAt(at);
		if (unit !== line.charAt(at + 1)) runEnd = at;
		if (!KINDS.includes(unit) || roles[at] === IN_CODE) continue;
		const before = line.slice(Math.max(0, at - 2), at);
		const after = line.slice(at + 1, at + 3);
		const canBegin = /^\S/.test(after) && !WORD_BEFORE.test(before);
		const canEnd = /\S$/.test(before) && !WORD_AFTER.test(after);
		if (canEnd && !lastEnd.has(unit)) lastEnd.set(unit, at);
		if (roles[at] === MARK) continue;
		isLive[at] = Number(canBegin || canEnd);
		isForming[at] = Number(canBegin && (lastEnd.get(unit) ?? 0) > runEnd);
	}
	return { isLive, isForming };
}

/** A line as it is sent, in which nothing is a mark but what is meant. */
export function withoutStrays(draft: Draft): string {
	const { isForming } = findStrays(draft);
	let line = "";
	for (let at = 0; at < draft.line.length; at++) {
		const unit = draft.line.charAt(at);
		line += isForming[at] ? harmless(unit, draft.roles[at]) : unit;
	}
	return line;
}

/** A blank would end an address. */
function harmless(mark: string, role: number | undefined): string {
	if (role !== IN_ADDRESS) return mark + GAP;
	return `%${mark.charCodeAt(0).toString(16).toUpperCase()}`;
}
