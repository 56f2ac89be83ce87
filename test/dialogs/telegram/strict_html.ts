// What Telegram's documentation allows in HTML: stricter than its server, which drops in silence what it does not like.

import { expect } from "bun:test";
import { cleanText, isVisible } from "../../../src/dialogs/markdown/text.ts";
import { plainText } from "../../../src/dialogs/telegram/html.ts";
import { renderParts } from "../../../src/dialogs/telegram/markdown.ts";

const STYLES = new Set(["b", "i", "u", "s", "tg-spoiler"]);
const PIECE =
	/<(\/?)([a-z-]+)((?: [a-z]+="[^"<>]*")?)>|&(lt|gt|amp|quot);|([^<>&]+)|(.)/gs;
const CHARACTERS: Record<string, string> = {
	lt: "<",
	gt: ">",
	amp: "&",
	quot: '"',
};

/** The visible text of one message's HTML. Throws where a rule is broken. */
export function readStrictly(html: string): string {
	const open: string[] = [];
	let text = "";
	for (const match of html.matchAll(PIECE)) {
		const [whole, slash, name = "", attributes = "", entity, plain] = match;
		if (plain !== undefined) text += plain;
		else if (entity) text += CHARACTERS[entity];
		else if (!name) throw new Error(`${whole} stands bare in ${html}`);
		else if (!slash) {
			allow(name, attributes, open);
			open.push(name);
		} else if (open.pop() !== name) {
			throw new Error(`${whole} closes another tag in ${html}`);
		}
	}
	if (open.length > 0) throw new Error(`${open} stay open in ${html}`);
	if (!text.trim()) throw new Error(`empty: ${JSON.stringify(html)}`);
	if (text.length > 4000) throw new Error(`${text.length} units`);
	if (Buffer.byteLength(html) > 35_000) throw new Error("cut off in silence");
	if (!html.isWellFormed() || /[^\P{Cc}\t\n]|\ufffd/u.test(html)) {
		throw new Error(`broken characters in ${JSON.stringify(html)}`);
	}
	return text;
}

/** The parts of a text: each as Telegram wants it, together visible where the text is. */
export function partsOf(text: string): string[] {
	const parts = renderParts(text);
	for (const part of parts) {
		const shown = readStrictly(part);
		expect(plainText(part)).toBe(shown);
		expect(isVisible(shown)).toBe(true);
		expect(part).not.toMatch(/^[ \n\t]/);
	}
	expect(parts.length > 0).toBe(isVisible(cleanText(text)));
	return parts;
}

function allow(name: string, attributes: string, open: string[]): void {
	const isLanguage =
		name === "code" && / class="language-[\w+#.-]+"/.test(attributes);
	const isAllowed =
		(STYLES.has(name) && !attributes) ||
		(name === "a" && /^ href="(https?|tg):\/\/[^"\s]+"$/.test(attributes)) ||
		(["code", "pre", "blockquote"].includes(name) && !attributes) ||
		(isLanguage && open.at(-1) === "pre");
	if (!isAllowed) throw new Error(`<${name}${attributes}> is not allowed`);
	const isNestable = open.every((outer) => {
		if (isLanguage && outer === "pre") return true;
		if (outer === "code" || outer === "pre" || outer === name) return false;
		return !["code", "pre"].includes(name) || outer === "blockquote";
	});
	if (!isNestable) throw new Error(`<${name}> within ${open}`);
}
