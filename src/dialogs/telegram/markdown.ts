// What a model writes, Markdown, as parts that Telegram takes: HTML, each part one message.

import { renderInStyle } from "../markdown/parts.ts";
import { HTML } from "./html.ts";

/** Markdown as the HTML of one or more messages, none of them empty; what has nothing visible gives no part. */
export function renderParts(markdown: string): string[] {
	return renderInStyle(markdown, HTML);
}
