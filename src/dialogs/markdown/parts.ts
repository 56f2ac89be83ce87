// What a model writes, Markdown, as parts that a dialog takes, each part one message.

import { renderBlocks } from "./blocks.ts";
import { lex } from "./lexer.ts";
import { splitRuns } from "./split.ts";
import type { Run, Style } from "./style.ts";
import { cleanText, isVisible } from "./text.ts";

/**
 * Markdown as one or more messages in a dialog's style, none of them empty. Whatever the text is, all that is visible of
 * it is there; what has nothing visible gives no part.
 */
export function renderInStyle(markdown: string, style: Style): string[] {
	const text = cleanText(markdown);
	if (!isVisible(text)) return [];
	const asWritten = [{ text, tags: [] }];
	const parts = splitRuns(render(text, style) ?? asWritten, style);
	return parts.length > 0 ? parts : splitRuns(asWritten, style);
}

function render(markdown: string, style: Style): Run[] | undefined {
	try {
		return renderBlocks(lex(markdown), [], style);
	} catch {
		// marked fails on some lists within quotes ("- |a\n  >1)\nb"); the text can be read as it was written.
		return undefined;
	}
}
