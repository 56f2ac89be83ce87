// Telegram's HTML: pieces of text with the tags around them, and how they are written.

import type { Run, Style, Tag } from "../markdown/style.ts";
import { cleanText } from "../markdown/text.ts";

/** What Telegram lets a message's text be at most, in UTF-16 units without the tags. */
const MAX_TEXT = 4096;

/** UTF-16 units of visible text in a part. */
const MAX_UNITS = 4000;

/** Bytes with tags and escapes; Telegram cuts off in silence what is beyond 35,000. */
const MAX_BYTES = 30_000;

/** A longer address stands as text. */
const MAX_ADDRESS = 2000;

const ESCAPES: Record<string, string> = {
	"&": "&amp;",
	"<": "&lt;",
	">": "&gt;",
	'"': "&quot;",
};

const CHARACTERS: Record<string, string> = {
	amp: "&",
	lt: "<",
	gt: ">",
	quot: '"',
};

/** How Telegram shows what was rendered. */
export const HTML: Style = {
	bold: plainTag("b"),
	italic: plainTag("i"),
	struck: plainTag("s"),
	code: plainTag("code"),
	quote: plainTag("blockquote"),
	pre: preTag,
	link: (address) => (isLinkable(address) ? linkTag(address) : undefined),
	hidesAddresses: true,
	// Telegram makes one space of a tab.
	tab: "    ",
	reach,
	write: writeHtml,
	maxWritten: MAX_BYTES,
};

/** Text as it stands between tags. */
export function escapeHtml(text: string): string {
	return text.replace(/[&<>]/g, (character) => ESCAPES[character] ?? "");
}

/** The visible text of a part that `renderParts` made. */
export function plainText(html: string): string {
	const text = html
		.replace(/<[^<>]*>/g, "")
		.replace(/&(amp|lt|gt|quot);/g, (_, name) => CHARACTERS[name] ?? "");
	return cleanText(text.slice(0, MAX_TEXT));
}

/** Pieces as HTML: a tag is closed as soon as a piece does not have it, and opened again where one does. */
function writeHtml(runs: readonly Run[]): string {
	let html = "";
	let open: readonly Tag[] = [];
	for (const { text, tags } of runs) {
		let shared = 0;
		while (shared < open.length && open[shared] === tags[shared]) shared++;
		html += closing(open.slice(shared));
		for (const tag of tags.slice(shared)) html += tag.open;
		html += escapeHtml(text);
		open = tags;
	}
	return html + closing(open);
}

function reach(runs: readonly Run[], first: number, offset: number): number {
	let units = 0;
	let bytes = 0;
	for (let index = first; index < runs.length; index++) {
		const { text, tags } = runs[index] as Run;
		for (const { open, close } of tags) {
			bytes += Buffer.byteLength(open) + close.length;
		}
		for (let at = index === first ? offset : 0; at < text.length; at++) {
			bytes += bytesOf(text[at]);
			if (units === MAX_UNITS || bytes > MAX_BYTES) return Math.max(units, 2);
			units++;
		}
	}
	return units;
}

function bytesOf(unit = ""): number {
	if (unit === "&") return 5;
	if (unit === "<" || unit === ">") return 4;
	return unit < "\u0080" ? 1 : 3;
}

function plainTag(name: Tag["name"]): Tag {
	return { name, open: `<${name}>`, close: `</${name}>` };
}

function linkTag(address: string): Tag {
	return { name: "a", open: `<a href="${attribute(address)}">`, close: "</a>" };
}

function preTag(language?: string): Tag {
	if (!language) return plainTag("pre");
	return {
		name: "pre",
		open: `<pre><code class="language-${attribute(language)}">`,
		close: "</code></pre>",
	};
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

function attribute(text: string): string {
	return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? "");
}

function closing(tags: readonly Tag[]): string {
	return tags
		.map(({ close }) => close)
		.reduceRight((all, tag) => all + tag, "");
}
