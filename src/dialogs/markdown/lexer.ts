// Markdown as tokens, in bounded time whatever the text is.

import { Lexer, type Token, Tokenizer } from "marked";
import { sections } from "./sections.ts";

/** How deep quotes and lists, and how deep emphasis and links may nest; what is deeper stays text as written. */
const MAX_BLOCK_DEPTH = 10;
const MAX_INLINE_DEPTH = 8;

/**
 * marked takes quadratic time for some texts within one block, so it is given no more of it at once: units, and
 * marks of emphasis and backslashes.
 */
const MAX_INLINE = 4000;
const MAX_MARKS = 120;

/** A letter or a figure at the beginning. */
const WORD = /^[\p{L}\p{N}]/u;

/** The tokens of a text. Throws where marked gives up. */
export function lex(markdown: string): Token[] {
	const lexer = new BoundedLexer({
		gfm: true,
		tokenizer: new BoundedTokenizer(),
	});
	for (const section of sections(markdown)) {
		lexer.blockTokens(section, lexer.tokens);
	}
	// Only now are all the addresses known that links may refer to.
	for (const { src, tokens } of lexer.inlineQueue) {
		lexer.inlineTokens(src, tokens);
	}
	return lexer.tokens;
}

class BoundedLexer extends Lexer {
	blockDepth = 0;
	inlineDepth = 0;

	override blockTokens(
		src: string,
		tokens: Token[] = [],
		isClipped?: boolean,
	): Lexer["tokens"] {
		this.blockDepth++;
		const read = super.blockTokens(src, tokens, isClipped);
		this.blockDepth--;
		return read as Lexer["tokens"];
	}

	override inlineTokens(src: string, tokens: Token[] = []): Token[] {
		this.inlineDepth++;
		for (let rest = src; rest; ) {
			const piece = rest.slice(0, pieceLength(rest));
			rest = rest.slice(piece.length);
			super.inlineTokens(piece, tokens);
		}
		this.inlineDepth--;
		return tokens;
	}
}

class BoundedTokenizer extends Tokenizer {
	declare lexer: BoundedLexer;

	// Who writes `---` below a line of a chat means a rule, not a heading.
	override lheading(): undefined {}

	override blockquote(src: string) {
		return this.#isDeep() ? undefined : super.blockquote(src);
	}

	override list(src: string) {
		return this.#isDeep() ? undefined : super.list(src);
	}

	override emStrong(src: string, maskedSrc: string, prevChar?: string) {
		if (this.#isDeepInline()) return undefined;
		const token = super.emStrong(src, maskedSrc, prevChar);
		// `2*3*4` is a product: within a word a single asterisk is meant as itself.
		const isWithin =
			token?.type === "em" &&
			WORD.test(prevChar ?? "") &&
			WORD.test(src.slice(token.raw.length));
		return isWithin ? undefined : token;
	}

	override del(src: string, maskedSrc: string, prevChar?: string) {
		if (this.#isDeepInline()) return undefined;
		return super.del(src, maskedSrc, prevChar);
	}

	override link(src: string) {
		return this.#isDeepInline() ? undefined : super.link(src);
	}

	override reflink(src: string, links: Lexer["tokens"]["links"]) {
		return this.#isDeepInline() ? undefined : super.reflink(src, links);
	}

	#isDeep(): boolean {
		return this.lexer.blockDepth > MAX_BLOCK_DEPTH;
	}

	#isDeepInline(): boolean {
		return this.lexer.inlineDepth > MAX_INLINE_DEPTH;
	}
}

/** How much of a text is read at once: all, or up to a line's end or a space, or anywhere. */
function pieceLength(text: string): number {
	const limit = markLimit(text);
	if (text.length <= limit) return text.length;
	const window = text.slice(0, limit);
	for (const gap of ["\n", " "]) {
		const end = window.lastIndexOf(gap) + 1;
		if (end > limit / 2) return end;
	}
	return limit;
}

function markLimit(text: string): number {
	let marks = 0;
	for (const { index } of text.slice(0, MAX_INLINE).matchAll(/[*_~]+|\\/g)) {
		if (++marks > MAX_MARKS) return index;
	}
	return MAX_INLINE;
}
