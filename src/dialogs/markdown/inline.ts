// Markdown within a block, as runs: emphasis, code, links.

import type { MarkedToken, Token, Tokens } from "marked";
import type { Run, Style, Tag } from "./style.ts";
import { cleanText, isVisible } from "./text.ts";

const REFERENCE = /&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]+));/gi;

const NAMED = new Map([
	["amp", "&"],
	["lt", "<"],
	["gt", ">"],
	["quot", '"'],
	["apos", "'"],
	["nbsp", "\u00a0"],
]);

/** What stands within one block, inside the tags given. */
export function renderInline(
	tokens: readonly Token[],
	tags: readonly Tag[],
	style: Style,
): Run[] {
	return tokens.flatMap((token) =>
		renderToken(token as MarkedToken, tags, style),
	);
}

/** The visible text of runs. */
export function textOf(runs: readonly Run[]): string {
	return runs.map((run) => run.text).join("");
}

/** True of runs within a link. */
export function isLinked({ tags }: { tags: readonly Tag[] }): boolean {
	return tags.some(({ name }) => name === "a");
}

function renderToken(
	token: MarkedToken,
	tags: readonly Tag[],
	style: Style,
): Run[] {
	switch (token.type) {
		case "strong":
			return renderInline(token.tokens, within(tags, style.bold), style);
		case "em":
			return renderInline(token.tokens, within(tags, style.italic), style);
		case "del":
			return renderInline(token.tokens, within(tags, style.struck), style);
		case "codespan":
			return [{ text: token.text, tags: codeTags(tags, style) }];
		case "link":
			if (token.autolink) return [renderAddress(token, tags, style)];
			return token.raw === `[${token.text}]`
				? [renderMark(token, tags, style)]
				: renderLink(token, tags, style);
		case "image":
			return renderLink(token, tags, style);
		case "br":
			return [{ text: "\n", tags }];
		case "escape":
			return [{ text: token.text, tags }];
		case "text":
			return token.tokens
				? renderInline(token.tokens, tags, style)
				: [{ text: decode(token.raw), tags }];
		case "checkbox":
			return [];
		default:
			return [{ text: token.raw, tags }];
	}
}

/** An address in the text, which a dialog that hides addresses links by itself. */
function renderAddress(
	{ text, href }: Tokens.Link,
	tags: readonly Tag[],
	style: Style,
): Run {
	const link = style.hidesAddresses ? undefined : style.link(addressOf(href));
	return { text, tags: link ? [...unstyled(tags), link] : tags };
}

/** `[1]`, as sources and notes are marked: it keeps its brackets, and where it leads is told where it is defined. */
function renderMark(
	{ raw, href }: Tokens.Link,
	tags: readonly Tag[],
	style: Style,
): Run {
	const link = linkTo(addressOf(href), tags, style);
	const isLink = link && style.hidesAddresses;
	return { text: raw, tags: isLink ? [...tags, link] : tags };
}

function renderLink(
	{ tokens, href }: Tokens.Link | Tokens.Image,
	tags: readonly Tag[],
	style: Style,
): Run[] {
	const address = addressOf(href);
	const link = linkTo(address, tags, style);
	if (link && style.hidesAddresses) {
		const linked = [...tags, link];
		const label = renderInline(tokens, linked, style);
		return isVisible(textOf(label)) ? label : [{ text: address, tags: linked }];
	}
	const linked = link ? [...unstyled(tags), link] : tags;
	const label = renderInline(tokens, tags, style);
	const text = textOf(label).trim();
	const shown = address.replace(/^(mailto|tel):/i, "");
	if (!isVisible(text)) return [{ text: shown, tags: linked }];
	if (!shown) return label;
	if (text === shown) return link ? [{ text, tags: linked }] : label;
	return [...label, { text: ` (${shown})`, tags: linked }];
}

function linkTo(
	address: string,
	tags: readonly Tag[],
	style: Style,
): Tag | undefined {
	return isLinked({ tags }) ? undefined : style.link(address);
}

function addressOf(href: string): string {
	return decode(href).replace(/\s/g, "%20");
}

/** No dialog keeps a style on code, and in Telegram code within a link costs the link. */
function codeTags(tags: readonly Tag[], style: Style): readonly Tag[] {
	if (isLinked({ tags })) return tags;
	return [...unstyled(tags), style.code];
}

/** An address has no style either where it can be seen: a mark beside it might be taken for a part of it. */
function unstyled(tags: readonly Tag[]): readonly Tag[] {
	return tags.filter(({ name }) => name === "blockquote");
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
