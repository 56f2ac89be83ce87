// Markdown within a block, as runs: emphasis, code, links.

import type { MarkedToken, Token, Tokens } from "marked";
import {
	BOLD,
	CODE,
	cleanText,
	ITALIC,
	isVisible,
	linkTag,
	type Run,
	STRUCK,
	type Tag,
} from "./html.ts";

const REFERENCE = /&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]+));/gi;

const NAMED = new Map([
	["amp", "&"],
	["lt", "<"],
	["gt", ">"],
	["quot", '"'],
	["apos", "'"],
	["nbsp", "\u00a0"],
]);

/** A longer address stands as text. */
const MAX_ADDRESS = 2000;

/** What stands within one block, inside the tags given. */
export function renderInline(
	tokens: readonly Token[],
	tags: readonly Tag[],
): Run[] {
	return tokens.flatMap((token) => renderToken(token as MarkedToken, tags));
}

/** The visible text of runs. */
export function textOf(runs: readonly Run[]): string {
	return runs.map((run) => run.text).join("");
}

/** True of runs within a link. */
export function isLinked({ tags }: { tags: readonly Tag[] }): boolean {
	return tags.some(({ name }) => name === "a");
}

function renderToken(token: MarkedToken, tags: readonly Tag[]): Run[] {
	switch (token.type) {
		case "strong":
			return renderInline(token.tokens, within(tags, BOLD));
		case "em":
			return renderInline(token.tokens, within(tags, ITALIC));
		case "del":
			return renderInline(token.tokens, within(tags, STRUCK));
		case "codespan":
			return [{ text: token.text, tags: codeTags(tags) }];
		case "link":
			if (token.autolink) return [{ text: token.text, tags }];
			return token.raw === `[${token.text}]`
				? renderMark(token, tags)
				: renderLink(token.tokens, token.href, tags);
		case "image":
			return renderLink(token.tokens, token.href, tags);
		case "br":
			return [{ text: "\n", tags }];
		case "escape":
			return [{ text: token.text, tags }];
		case "text":
			return token.tokens
				? renderInline(token.tokens, tags)
				: [{ text: decode(token.raw), tags }];
		case "checkbox":
			return [];
		default:
			return [{ text: token.raw, tags }];
	}
}

/** `[1]`, as sources and notes are marked: it keeps its brackets, and where it leads is told where it is defined. */
function renderMark({ raw, href }: Tokens.Link, tags: readonly Tag[]): Run[] {
	const address = addressOf(href);
	const isLink = isLinkable(address) && !isLinked({ tags });
	return [{ text: raw, tags: isLink ? [...tags, linkTag(address)] : tags }];
}

function renderLink(
	tokens: readonly Token[],
	href: string,
	tags: readonly Tag[],
): Run[] {
	const address = addressOf(href);
	if (isLinkable(address) && !isLinked({ tags })) {
		const linked = [...tags, linkTag(address)];
		const label = renderInline(tokens, linked);
		return isVisible(textOf(label)) ? label : [{ text: address, tags: linked }];
	}
	const label = renderInline(tokens, tags);
	const text = textOf(label).trim();
	const shown = address.replace(/^(mailto|tel):/i, "");
	if (!isVisible(text)) return [{ text: shown, tags }];
	if (!shown || text === shown) return label;
	return [...label, { text: ` (${shown})`, tags }];
}

function addressOf(href: string): string {
	return decode(href).replace(/\s/g, "%20");
}

/**
 * Telegram drops a link, and its address with it, where the host has no dot or the scheme is another one. Mail addresses
 * and phone numbers it finds in text by itself.
 */
function isLinkable(address: string): boolean {
	if (address.length > MAX_ADDRESS) return false;
	if (/^tg:\/\/[\w-]+(\?[!-~]*)?$/i.test(address)) return true;
	const isWeb = /^https?:\/\/[^/?#]+\.[^/?#]/i.test(address);
	return isWeb && URL.canParse(address);
}

/** Telegram keeps no style on code, and code within a link costs the link. */
function codeTags(tags: readonly Tag[]): readonly Tag[] {
	if (isLinked({ tags })) return tags;
	return [...tags.filter(({ name }) => name === "blockquote"), CODE];
}

function within(tags: readonly Tag[], tag: Tag): readonly Tag[] {
	return tags.includes(tag) ? tags : [...tags, tag];
}

/** Resolves character references; those that stand for nothing one can show remain as written. */
function decode(text: string): string {
	return text.replace(REFERENCE, (reference, decimal, hex, name) => {
		if (name) return NAMED.get(name) ?? reference;
		const point = decimal ? Number(decimal) : Number.parseInt(hex, 16);
		if (point > 0x10ffff) return reference;
		const character = String.fromCodePoint(point);
		return cleanText(character) === character ? character : reference;
	});
}
