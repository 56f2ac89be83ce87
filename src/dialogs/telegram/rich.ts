// A rich message (Bot API 10) as plain text: its words in their order, and what has no words by its name.

import { asList, asRecord, asText } from "../../core/json.ts";

/** What Telegram allows of one, and how deep it may be. */
const MAX_LENGTH = 32_768;
const MAX_DEPTH = 24;

/** Kinds that hold no words, and are named instead. */
const NAMED = new Set([
	...["animation", "audio", "document", "photo", "video", "voice_note"],
	...["map", "buttons"],
]);

/** The words of blocks: a line each. */
export function richText(blocks: unknown): string {
	return readBlocks(blocks, 0).trim().slice(0, MAX_LENGTH).toWellFormed();
}

function readBlocks(blocks: unknown, depth: number): string {
	return asList(blocks)
		.map((block) => readBlock(asRecord(block) ?? {}, depth + 1))
		.filter(Boolean)
		.join("\n");
}

function readBlock(block: Record<string, unknown>, depth: number): string {
	if (depth > MAX_DEPTH) return "";
	const type = asText(block.type);
	const items = asList(block.items).map((item) => {
		const { label, blocks } = asRecord(item) ?? {};
		return `${asText(label)} ${readBlocks(blocks, depth)}`.trim();
	});
	const rows = asList(block.cells).map((row) =>
		asList(row)
			.map((cell) => readText(asRecord(cell)?.text, depth))
			.join(" | "),
	);
	const caption = asRecord(block.caption)?.text ?? block.caption;
	return [
		NAMED.has(type) ? `[${type.replaceAll("_", " ")}]` : "",
		readText(block.summary, depth),
		readText(block.text, depth),
		asText(block.expression),
		...items,
		...rows,
		readBlocks(block.blocks, depth),
		readText(caption, depth),
		readText(block.credit, depth),
	]
		.filter(Boolean)
		.join("\n");
}

function readText(text: unknown, depth: number): string {
	if (typeof text === "string") return text;
	if (depth > MAX_DEPTH) return "";
	if (Array.isArray(text))
		return text.map((part) => readText(part, depth + 1)).join("");
	const part = asRecord(text);
	if (!part) return "";
	const words =
		readText(part.text ?? asRecord(part.button)?.text, depth + 1) ||
		asText(part.alternative_text) ||
		asText(part.expression);
	const url = part.type === "url" ? asText(part.url) : "";
	return url === "" || url === words ? words : `${words} (${url})`;
}
