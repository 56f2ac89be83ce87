// What a model writes, Markdown, as parts that WhatsApp takes: text with its marks, each part one message.

import { renderInStyle } from "../markdown/parts.ts";
import { MARKS } from "./marks.ts";

/** Markdown as the text of one or more messages, none of them empty; what has nothing visible gives no part. */
export function renderParts(markdown: string): string[] {
	return renderInStyle(markdown, MARKS);
}
