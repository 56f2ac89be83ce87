// Telegram's HTML: pieces of text with the tags around them, and how they are written.

/** A tag as it begins and ends. Pieces share a tag where they carry the same object. */
export interface Tag {
	name: "b" | "i" | "s" | "a" | "code" | "pre" | "blockquote";
	open: string;
	close: string;
}

/** A piece of visible text; its tags from the outermost to the innermost. */
export interface Run {
	text: string;
	tags: readonly Tag[];
}

export const BOLD = plainTag("b");
export const ITALIC = plainTag("i");
export const STRUCK = plainTag("s");
export const CODE = plainTag("code");
export const QUOTE = plainTag("blockquote");

/** What Telegram lets a message's text be at most, in UTF-16 units without the tags. */
const MAX_TEXT = 4096;

const INVISIBLE =
	/^(?:[\s\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Z}\u2800\ufffc]|\u030a|\u0333|\u033f)*$/u;

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

/** Text as it stands between tags. */
export function escapeHtml(text: string): string {
	return text.replace(/[&<>]/g, (character) => ESCAPES[character] ?? "");
}

/** A link; the address is one that Telegram takes. */
export function linkTag(address: string): Tag {
	return { name: "a", open: `<a href="${attribute(address)}">`, close: "</a>" };
}

/** A block of code, in a language where one is known. */
export function preTag(language?: string): Tag {
	if (!language) return plainTag("pre");
	return {
		name: "pre",
		open: `<pre><code class="language-${attribute(language)}">`,
		close: "</code></pre>",
	};
}

/** Pieces as HTML: a tag is closed as soon as a piece does not have it, and opened again where one does. */
export function writeHtml(runs: readonly Run[]): string {
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

/** The visible text of a part that `renderParts` made. */
export function plainText(html: string): string {
	const text = html
		.replace(/<[^<>]*>/g, "")
		.replace(/&(amp|lt|gt|quot);/g, (_, name) => CHARACTERS[name] ?? "");
	return cleanText(text.slice(0, MAX_TEXT));
}

/**
 * Text without what Telegram refuses or changes on its own: control characters, other line ends than `\n`, halves of
 * surrogate pairs. Half a pair at the very end is what a stream has not finished yet.
 */
export function cleanText(text: string): string {
	return text
		.replace(/[\ud800-\udbff]$/, "")
		.toWellFormed()
		.replace(/\ufffd/g, "?")
		.replace(/\r\n?|[\u2028\u2029]/g, "\n")
		.replace(/[^\P{Cc}\t\n]/gu, "");
}

/** False of text that Telegram takes for empty, or that nobody can see. */
export function isVisible(text: string): boolean {
	return !INVISIBLE.test(text);
}

function plainTag(name: Tag["name"]): Tag {
	return { name, open: `<${name}>`, close: `</${name}>` };
}

function attribute(text: string): string {
	return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? "");
}

function closing(tags: readonly Tag[]): string {
	return tags
		.map(({ close }) => close)
		.reduceRight((all, tag) => all + tag, "");
}
