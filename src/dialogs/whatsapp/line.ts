// One line in WhatsApp's marks.

import type { Run, Tag } from "../markdown/style.ts";
import { isVisible } from "../markdown/text.ts";
import {
	type Draft,
	findStrays,
	IN_ADDRESS,
	IN_CODE,
	MARK,
	TEXT,
	withoutStrays,
} from "./strays.ts";

const CODE = "`";

/** Right outside of a mark, these keep it from being one. An underscore is a letter to some programs. */
const GLUE_BEFORE = /[\p{L}\p{N}\p{M}_]$/u;
const GLUE_AFTER = /^[\p{L}\p{N}\p{M}_]/u;

/** Right inside of a mark, these keep it from being one, in some of WhatsApp's apps at least. */
const BLANK = /[\s\u200b\u2060]/;

/** A style, from one place of the line's text to another. */
interface Span {
	mark: string;
	start: number;
	end: number;
}

/** The pieces of a line with their marks, of which those are left out that would not be read as such. */
export function writeLine(pieces: readonly Run[]): string {
	const text = pieces.map((piece) => piece.text).join("");
	const isPlain = !/[*_~`]/.test(text) && pieces.every(({ tags }) => !tags[0]);
	if (isPlain) return text;
	const inAddress = addressesOf(pieces, text.length);
	const fitting = spansOf(pieces)
		.map((span) => trimmed(text, span))
		.filter((span) => fits(text, span));
	const standing = uninterrupted(fitting, draftOf(text, fitting, inAddress));
	return withoutStrays(draftOf(text, standing, inAddress));
}

/** The styles of a line from the left, an outer one before those within it. */
function spansOf(pieces: readonly Run[]): Span[] {
	const spans: Span[] = [];
	let open: { span: Span; tag: Tag }[] = [];
	let at = 0;
	for (const piece of pieces) {
		const tags = piece.tags.filter((tag) => tag.open);
		const shared = open.findIndex(({ tag }, index) => tag !== tags[index]);
		if (shared >= 0) open = open.slice(0, shared);
		for (const tag of tags.slice(open.length)) {
			const span = { mark: tag.open, start: at, end: at };
			spans.push(span);
			open.push({ span, tag });
		}
		at += piece.text.length;
		for (const { span } of open) span.end = at;
	}
	return spans;
}

function addressesOf(pieces: readonly Run[], length: number): Uint8Array {
	const inAddress = new Uint8Array(length);
	let at = 0;
	for (const { text, tags } of pieces) {
		const end = at + text.length;
		if (tags.some(({ name }) => name === "a")) inAddress.fill(1, at, end);
		at = end;
	}
	return inAddress;
}

function trimmed(text: string, { mark, start, end }: Span): Span {
	let from = start;
	let to = end;
	while (from < to && BLANK.test(text.charAt(from))) from++;
	while (from < to && BLANK.test(text.charAt(to - 1))) to--;
	return { mark, start: from, end: to };
}

/** True of a style that is around something visible, and not within a word or right before a character like its mark. */
function fits(text: string, { mark, start, end }: Span): boolean {
	const inside = text.slice(start, end);
	return (
		isVisible(inside) &&
		!GLUE_BEFORE.test(text.slice(Math.max(0, start - 2), start)) &&
		!GLUE_AFTER.test(text.slice(end, end + 2)) &&
		text.charAt(end) !== mark &&
		!(mark === CODE && inside.includes(CODE))
	);
}

function draftOf(text: string, spans: Span[], inAddress: Uint8Array): Draft {
	const begins = new Map<number, string>();
	const ends = new Map<number, string>();
	const inCode = new Uint8Array(text.length);
	for (const { mark, start, end } of spans) {
		begins.set(start, (begins.get(start) ?? "") + mark);
		ends.set(end, mark + (ends.get(end) ?? ""));
		if (mark === CODE) inCode.fill(1, start, end);
	}
	const roles = new Uint8Array(text.length + 2 * spans.length);
	const places = new Int32Array(text.length);
	let line = "";
	for (let at = 0; at <= text.length; at++) {
		const marks = (ends.get(at) ?? "") + (begins.get(at) ?? "");
		roles.fill(MARK, line.length, line.length + marks.length);
		line += marks;
		if (at === text.length) break;
		places[at] = line.length;
		roles[line.length] = inCode[at]
			? IN_CODE
			: inAddress[at]
				? IN_ADDRESS
				: TEXT;
		line += text.charAt(at);
	}
	return { line, roles, places };
}

/** The spans that nothing ends but their own mark, and whose end does not come to stand apart. */
function uninterrupted(spans: Span[], draft: Draft): Span[] {
	const { isLive, isForming } = findStrays(draft);
	const before = new Map<string, Uint16Array>();
	for (const { mark } of spans) {
		if (before.has(mark)) continue;
		const counts = new Uint16Array(draft.places.length + 1);
		draft.places.forEach((place, at) => {
			const isLike = isLive[place] && draft.line.charAt(place) === mark;
			counts[at + 1] = (counts[at] ?? 0) + (isLike ? 1 : 0);
		});
		before.set(mark, counts);
	}
	return spans.filter(({ mark, start, end }) => {
		const counts = before.get(mark);
		const last = draft.places[end - 1] ?? 0;
		const isApart = isForming[last] && draft.roles[last] !== IN_ADDRESS;
		return !isApart && counts?.[start] === counts?.[end];
	});
}
