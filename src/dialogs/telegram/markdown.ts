// What a model writes, Markdown, as parts that Telegram takes: HTML, each part one message.

import type { MarkedToken, Token, Tokens } from "marked";
import {
	BOLD,
	cleanText,
	isVisible,
	preTag,
	QUOTE,
	type Run,
	type Tag,
} from "./html.ts";
import { renderInline } from "./inline.ts";
import { lex } from "./lexer.ts";
import { splitRuns } from "./split.ts";
import { renderTable } from "./table.ts";

const INDENT = "    ";

/** Of the first line of a fenced block, the word that Telegram is told. */
const LANGUAGE = /^[\w+#.-]{1,32}(?=\s|$)/;

/**
 * Markdown as the HTML of one or more messages, none of them empty. Whatever the text is, all that is visible of it is
 * there; what has nothing visible gives no part.
 */
export function renderParts(markdown: string): string[] {
	const text = cleanText(markdown);
	if (!isVisible(text)) return [];
	const asWritten = [{ text, tags: [] }];
	const parts = splitRuns(render(text) ?? asWritten);
	return parts.length > 0 ? parts : splitRuns(asWritten);
}

function render(markdown: string): Run[] | undefined {
	try {
		return renderBlocks(lex(markdown), []);
	} catch {
		// marked fails on some lists within quotes ("- |a\n  >1)\nb"); the text can be read as it was written.
		return undefined;
	}
}

/** Blocks below each other, as far apart as they were written. */
function renderBlocks(tokens: readonly Token[], tags: readonly Tag[]): Run[] {
	const pieces: Run[][] = [];
	let gap = "\n";
	for (const token of tokens) {
		const runs = renderBlock(token as MarkedToken, tags);
		if (runs.length > 0) {
			if (pieces.length > 0) pieces.push([{ text: gap, tags }]);
			pieces.push(runs);
			gap = "\n";
		}
		if (endsInBlankLine(token.raw)) gap = "\n\n";
	}
	return pieces.flat();
}

function renderBlock(token: MarkedToken, tags: readonly Tag[]): Run[] {
	switch (token.type) {
		case "space":
		case "checkbox":
			return [];
		case "heading":
			return renderInline(token.tokens, [...tags, BOLD]);
		case "paragraph":
			return renderInline(token.tokens, tags);
		case "code":
			return renderCode(token, tags);
		case "blockquote":
			return tags.includes(QUOTE)
				? prefixed(renderBlocks(token.tokens, tags), tags, "> ")
				: renderBlocks(token.tokens, [QUOTE]);
		case "list":
			return renderList(token, tags);
		case "table":
			return renderTable(token, tags);
		case "hr":
			return [{ text: "———", tags }];
		case "html":
		case "def":
			return [{ text: token.raw.trimEnd(), tags }];
		default:
			return renderInline([token], tags);
	}
}

function renderCode(token: Tokens.Code, tags: readonly Tag[]): Run[] {
	const info = token.lang?.trim() ?? "";
	const language = LANGUAGE.exec(info)?.[0] ?? "";
	const rest = info.slice(language.length).trim();
	// Telegram makes one space of a tab.
	const text = token.text.replaceAll("\t", INDENT);
	return [
		...(rest ? [{ text: `${rest}\n`, tags }] : []),
		...(text ? [{ text, tags: [...tags, preTag(language)] }] : []),
	];
}

function renderList(list: Tokens.List, tags: readonly Tag[]): Run[] {
	return list.items.flatMap((item, index) => {
		const content = renderBlocks(item.tokens, tags);
		const isLast = index === list.items.length - 1;
		const gap = endsInBlankLine(item.raw) ? "\n\n" : "\n";
		const mark = markerOf(list, item, index);
		const text = isBlock(content[0], tags) ? `${mark.trim()}\n` : mark;
		return [
			{ text, tags },
			...indented(content, tags),
			...(isLast ? [] : [{ text: gap, tags }]),
		];
	});
}

function markerOf(
	list: Tokens.List,
	item: Tokens.ListItem,
	index: number,
): string {
	const box = item.task ? (item.checked ? "☑ " : "☐ ") : "";
	if (list.ordered) return `${Number(list.start) + index}. ${box}`;
	return box || "• ";
}

/** Lines below the first one moved in; but blocks that Telegram draws as such stay where they begin. */
function indented(runs: Run[], tags: readonly Tag[]): Run[] {
	return runs.map((run, index) => {
		if (isBlock(run, tags)) return run;
		const text = run.text.replace(/\n(?!\n|$)/g, `\n${INDENT}`);
		const next = runs[index + 1];
		const isMoved = text.endsWith("\n") && next && !isBlock(next, tags);
		return { text: isMoved ? text + INDENT : text, tags: run.tags };
	});
}

/** True of code and of a quote where the tags around do not have it already. */
function isBlock(run: Run | undefined, tags: readonly Tag[]): boolean {
	const isOwn = ({ name }: Tag) => name === "pre" || name === "blockquote";
	return !!run && run.tags.some((tag) => isOwn(tag) && !tags.includes(tag));
}

/** Every line after a mark, as a quote within a quote has it. */
function prefixed(runs: Run[], tags: readonly Tag[], mark: string): Run[] {
	const lines = runs.map((run) =>
		isBlock(run, tags)
			? run
			: { text: run.text.replaceAll("\n", `\n${mark}`), tags: run.tags },
	);
	return isBlock(lines[0], tags) ? lines : [{ text: mark, tags }, ...lines];
}

function endsInBlankLine(raw: string): boolean {
	return /\n[ \t]*\n[ \t]*$/.test(raw.slice(-200));
}
