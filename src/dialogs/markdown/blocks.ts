// Markdown's blocks, as runs: paragraphs, lists, quotes, code.

import type { MarkedToken, Token, Tokens } from "marked";
import { renderInline } from "./inline.ts";
import type { Run, Style, Tag } from "./style.ts";
import { renderTable } from "./table.ts";

const INDENT = "    ";

/** Of the first line of a fenced block, the word that a dialog is told. */
const LANGUAGE = /^[\w+#.-]{1,32}(?=\s|$)/;

/** Blocks below each other, as far apart as they were written. */
export function renderBlocks(
	tokens: readonly Token[],
	tags: readonly Tag[],
	style: Style,
): Run[] {
	const pieces: Run[][] = [];
	let gap = "\n";
	for (const token of tokens) {
		const runs = renderBlock(token as MarkedToken, tags, style);
		if (runs.length > 0) {
			if (pieces.length > 0) pieces.push([{ text: gap, tags }]);
			pieces.push(runs);
			gap = "\n";
		}
		if (endsInBlankLine(token.raw)) gap = "\n\n";
	}
	return pieces.flat();
}

function renderBlock(
	token: MarkedToken,
	tags: readonly Tag[],
	style: Style,
): Run[] {
	switch (token.type) {
		case "space":
		case "checkbox":
			return [];
		case "heading":
			return renderInline(token.tokens, [...tags, style.bold], style);
		case "paragraph":
			return renderInline(token.tokens, tags, style);
		case "code":
			return renderCode(token, tags, style);
		case "blockquote":
			return tags.includes(style.quote)
				? prefixed(renderBlocks(token.tokens, tags, style), tags, "> ")
				: renderBlocks(token.tokens, [style.quote], style);
		case "list":
			return renderList(token, tags, style);
		case "table":
			return renderTable(token, tags, style);
		case "hr":
			return [{ text: "———", tags }];
		case "html":
		case "def":
			return [{ text: token.raw.trimEnd(), tags }];
		default:
			return renderInline([token], tags, style);
	}
}

function renderCode(
	token: Tokens.Code,
	tags: readonly Tag[],
	style: Style,
): Run[] {
	const info = token.lang?.trim() ?? "";
	const language = LANGUAGE.exec(info)?.[0] ?? "";
	const rest = info.slice(language.length).trim();
	const text = token.text.replaceAll("\t", style.tab);
	return [
		...(rest ? [{ text: `${rest}\n`, tags }] : []),
		...(text ? [{ text, tags: [...tags, style.pre(language)] }] : []),
	];
}

function renderList(
	list: Tokens.List,
	tags: readonly Tag[],
	style: Style,
): Run[] {
	return list.items.flatMap((item, index) => {
		const content = renderBlocks(item.tokens, tags, style);
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

/** Lines below the first one moved in; but blocks that are drawn as such stay where they begin. */
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
