// A session as a document for a person.

import type { ToolCall } from "../core/message.ts";
import { printable } from "../core/terminal.ts";
import type { StoredMessage } from "../storage/store.ts";
import { fenced, formatTime, oneLine } from "./export.ts";

/** A session as Markdown, piece by piece as its messages come; its title is a heading of this level. */
export async function* sessionMarkdown(
	sessionKey: string,
	messages: AsyncIterable<StoredMessage>,
	level: number,
): AsyncGenerator<string> {
	yield `${"#".repeat(level)} ${oneLine(sessionKey)}\n`;
	let isEmpty = true;
	for await (const message of messages) {
		isEmpty = false;
		const head = `${formatTime(message.timestamp)} UTC, ${speaker(message)}`;
		const parts = [`${"#".repeat(level + 1)} ${head}`, ...describe(message)];
		yield `\n${parts.filter(Boolean).join("\n\n")}\n`;
	}
	if (isEmpty) yield "\nNothing was said.\n";
}

/** Who said a message, or what it is. */
export function speaker(message: StoredMessage): string {
	switch (message.role) {
		case "tool":
			return `tool ${oneLine(message.toolName)}${message.isError ? " (failed)" : ""}`;
		case "summary":
			return "summary (stands for what was said before)";
		default:
			return message.role;
	}
}

/** The paragraphs of a message. */
function describe(message: StoredMessage): string[] {
	const content = printable(message.content);
	switch (message.role) {
		case "summary":
			return [content];
		case "user":
			return [content, attached(message.attachments)];
		case "tool":
			return [fenced(content), attached(message.attachments)];
		case "assistant":
			return [
				content,
				...(message.toolCalls ?? []).map(describeCall),
				message.notice ? `[${printable(message.notice)}]` : "",
			];
	}
}

function describeCall({ name, input }: ToolCall): string {
	const text = printable(JSON.stringify(input, undefined, 2));
	return `Calls ${oneLine(name)}:\n\n${fenced(text, "json")}`;
}

function attached(files: readonly { path: string }[] = []): string {
	if (files.length === 0) return "";
	return `Attached: ${files.map(({ path }) => oneLine(path)).join(", ")}`;
}
