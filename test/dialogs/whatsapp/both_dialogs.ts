// The same Markdown in Telegram and in WhatsApp, compared character by character.

import { expect } from "bun:test";
import { isVisible } from "../../../src/dialogs/markdown/text.ts";
import { renderParts } from "../../../src/dialogs/telegram/markdown.ts";
import { partsOf, readStrictly, type Shown, textOf } from "./strict_marks.ts";

const STYLES: Record<string, string> = {
	b: "*",
	i: "_",
	s: "~",
	code: "`",
	pre: "p",
	blockquote: ">",
};
const CHARACTERS: Record<string, string> = {
	lt: "<",
	gt: ">",
	amp: "&",
	quot: '"',
};
const PIECE =
	/<(\/?)([a-z]+)(?: (?:href|class)="([^"]*)")?>|&(\w+);|([^<>&])/gsu;

/** What Telegram shows with the same address, empty where it is no link; a part's end may have cut it from the rest. */
interface Stretch {
	shown: Shown[];
	address: string;
	isCut: boolean;
}

/**
 * Sees that WhatsApp shows what Telegram shows, but for blanks and for the addresses of links, which stand after their
 * text; that the same is quoted and in blocks of code, though a block within a quote stands by itself in WhatsApp; and
 * that no character has a style that it has not in Telegram. Gives what both show, as `compared` pairs.
 */
export function compare(
	markdown: string,
): [whatsapp: Shown, telegram: Shown][] {
	const whatsapp = partsOf(markdown).flatMap(readStrictly).filter(isSeen);
	const compared: [Shown, Shown][] = [];
	let at = 0;
	for (const { shown, address, isCut } of stretches(renderParts(markdown))) {
		for (const expected of shown.filter(isSeen)) {
			const isCoded = whatsapp[at]?.character !== expected.character;
			const found = isCoded ? decoded(whatsapp, at) : whatsapp[at];
			at += isCoded ? 3 : 1;
			if (found?.character !== expected.character) {
				throw new Error(
					`${textOf(whatsapp.slice(at - 9))} shows what ${textOf(shown)} does not`,
				);
			}
			compared.push([found, expected]);
			checkStyles(found, expected, !!address);
		}
		const label = textOf(shown).trim();
		if (!address || label === address) continue;
		const written = `(${address})`;
		const found = readAddress(whatsapp, at, written.length);
		// A source's mark leads nowhere; its address is told where it is defined.
		const isMark = /^\[.*\]$/s.test(label);
		if ((isMark || isCut) && found.text !== written) continue;
		expect(found.text).toBe(written);
		at = found.end;
	}
	expect(textOf(whatsapp.slice(at))).toBe("");
	return compared;
}

function checkStyles(found: Shown, expected: Shown, isLinked: boolean): void {
	const has = (style: string) => found.styles.includes(style);
	const allowed = expected.styles + (isLinked ? "`" : "");
	const isMeant = [...found.styles].every((style) => allowed.includes(style));
	const isCode = expected.styles.includes("p");
	const isQuoted = expected.styles.includes(">");
	if (!isMeant || has("p") !== isCode || (!isCode && has(">") !== isQuoted)) {
		const [one, other] = [found, expected].map((each) => JSON.stringify(each));
		throw new Error(`${one} where Telegram shows ${other}`);
	}
}

/** In an address a character may stand as `%5F`. */
function decoded(shown: readonly Shown[], at: number): Shown | undefined {
	const [, code] =
		/^%([0-9A-F]{2})$/.exec(textOf(shown.slice(at, at + 3))) ?? [];
	if (!code) return shown[at];
	const character = String.fromCharCode(Number.parseInt(code, 16));
	return { character, styles: shown[at]?.styles ?? "" };
}

function readAddress(
	shown: readonly Shown[],
	start: number,
	length: number,
): { text: string; end: number } {
	let text = "";
	let end = start;
	while (text.length < length && end < shown.length) {
		const found = decoded(shown, end);
		end += found === shown[end] ? 1 : 3;
		text += found?.character;
	}
	return { text, end };
}

function stretches(parts: readonly string[]): Stretch[] {
	return parts.flatMap((part) => {
		const all: Stretch[] = [];
		const open: { name: string; value: string }[] = [];
		let link: object | undefined;
		for (const match of part.matchAll(PIECE)) {
			const [, slash, name = "", value = "", entity = "", plain] = match;
			if (slash) open.pop();
			else if (name) open.push({ name, value });
			else {
				const around = open.find(({ name }) => name === "a");
				if (all.length === 0 || around !== link) {
					const address = unescaped(around?.value ?? "");
					all.push({ shown: [], address, isCut: all.length === 0 });
				}
				link = around;
				const character = plain ?? CHARACTERS[entity] ?? "";
				const styles = stylesOf(open.map(({ name }) => name));
				all.at(-1)?.shown.push({ character, styles });
			}
		}
		const last = all.at(-1);
		if (last) last.isCut = true;
		return all;
	});
}

function stylesOf(tags: readonly string[]): string {
	const styles = [...new Set(tags.map((tag) => STYLES[tag] ?? ""))].sort();
	// Telegram's blocks of code in a language are code within a block.
	return styles.join("").replace(/`(?=.*p)/, "");
}

function unescaped(text: string): string {
	return text.replace(/&(\w+);/g, (_, name) => CHARACTERS[name] ?? "");
}

function isSeen({ character }: Shown): boolean {
	return isVisible(character);
}
