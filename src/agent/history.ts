// Which messages the model sees: whole turns, and every tool call with exactly one result. Pure functions.

import type {
	AssistantMessage,
	Message,
	SpokenMessage,
	ToolCall,
	ToolMessage,
	UserMessage,
} from "../core/message.ts";
import type { StoredMessage } from "../storage/store.ts";

/** What stands for the result of a tool that never gave one: the process was killed, or the turn was stopped. */
const INTERRUPTED = "interrupted";

/** A message of a conversation as it lies in the store: no summary. */
export type StoredSpoken = Exclude<StoredMessage, { role: "summary" }>;

/** False of a summary, which is no part of a history. */
export function isSpoken<M extends Message>(
	message: M,
): message is Exclude<M, { role: "summary" }> {
	return message.role !== "summary";
}

/** The history cut so that it begins with a user's message: the beginning of a turn. */
export function fromFirstTurn<M extends SpokenMessage>(messages: M[]): M[] {
	const first = messages.findIndex((message) => message.role === "user");
	return first < 0 ? [] : messages.slice(first);
}

/** The last turns of a history that begins in the middle of one: whole, and no more of them than asked for. */
export function lastTurns<M extends SpokenMessage>(
	messages: M[],
	count: number,
): M[] {
	return splitTurns(fromFirstTurn(messages)).slice(-count).flat();
}

/** The history as its turns, each beginning with a user's message. */
export function splitTurns<M extends SpokenMessage>(messages: M[]): M[][] {
	const turns: M[][] = [];
	for (const message of messages) {
		if (message.role === "user" || turns.length === 0) turns.push([message]);
		else turns.at(-1)?.push(message);
	}
	return turns;
}

/**
 * The same conversation as any provider takes it, whatever was torn out of it: it begins with a user's message; users and
 * assistants alternate; every tool call has exactly one result right after its message, in the order of the calls, a
 * missing one filled with "interrupted"; results without a call are gone; no text is empty; call ids are not empty and
 * unique, and the provider's own where they can be. (Anthropic Messages API, "Tool use"; OpenAI Chat Completions, "Function calling".)
 */
export function repair(messages: readonly SpokenMessage[]): SpokenMessage[] {
	const repaired: SpokenMessage[] = [];
	const ids = new CallIds();
	messages.forEach((message, index) => {
		const previous = repaired.at(-1);
		if (message.role === "user") addUser(repaired, previous, message);
		else if (message.role === "assistant" && previous) {
			const after = message.toolCalls?.length ? messages.slice(index + 1) : [];
			addAssistant(repaired, previous, message, after, ids);
		}
	});
	return repaired;
}

function addUser(
	repaired: SpokenMessage[],
	previous: SpokenMessage | undefined,
	message: UserMessage,
): void {
	const hasText = message.content.trim() !== "";
	if (!hasText && !message.attachments?.length) return;
	const user: UserMessage = { ...message };
	if (!hasText) user.content = "(attached)";
	if (previous?.role !== "user") {
		repaired.push(user);
		return;
	}
	const attachments = [
		...(previous.attachments ?? []),
		...(user.attachments ?? []),
	];
	repaired[repaired.length - 1] = {
		...previous,
		content: `${previous.content}\n\n${user.content}`,
		...(attachments.length > 0 && { attachments }),
	};
}

function addAssistant(
	repaired: SpokenMessage[],
	previous: SpokenMessage,
	message: AssistantMessage,
	after: readonly SpokenMessage[],
	ids: CallIds,
): void {
	const calls = message.toolCalls ?? [];
	const content = message.content.trim() === "" ? "" : message.content;
	if (!content && calls.length === 0) return;
	const renamed = calls.map((call) => ({ ...call, id: ids.mint(call.id) }));
	const { toolCalls: _, ...rest } = message;
	const assistant: AssistantMessage = {
		...rest,
		content,
		...(renamed.length > 0 && { toolCalls: renamed }),
	};
	if (previous.role === "assistant")
		repaired[repaired.length - 1] = join(previous, assistant);
	else repaired.push(assistant);
	repaired.push(
		...calls.map((call, index) =>
			answer(call, renamed[index]?.id ?? call.id, after),
		),
	);
}

/** Two answers in a row as one. The first has no tool calls, or its results would stand between them. */
function join(
	first: AssistantMessage,
	second: AssistantMessage,
): AssistantMessage {
	const { replay: _, ...rest } = second;
	const content = [first.content, second.content].filter(Boolean).join("\n\n");
	return { ...rest, content };
}

/**
 * The result of a call among the messages after it, wherever it stands: somebody else, or another process, may have spoken
 * in between. "interrupted" where there is none before the next call of the same id.
 */
function answer(
	call: ToolCall,
	id: string,
	after: readonly SpokenMessage[],
): ToolMessage {
	const isSameId = (other: ToolCall) => other.id === call.id;
	const next = after.findIndex(
		(message) =>
			message.role === "assistant" && message.toolCalls?.some(isSameId),
	);
	const found = (next < 0 ? after : after.slice(0, next)).find(
		(message) => message.role === "tool" && message.toolCallId === call.id,
	) as ToolMessage | undefined;
	if (!found)
		return {
			role: "tool",
			toolCallId: id,
			toolName: call.name,
			content: INTERRUPTED,
			isError: true,
		};
	return {
		...found,
		toolCallId: id,
		content: found.content.trim() === "" ? "(no output)" : found.content,
	};
}

/** Gives every call an id of its own: the one it has, unless that is empty or another call's. */
class CallIds {
	readonly #taken = new Set<string>();

	mint(wanted: string): string {
		let id = wanted;
		for (let n = 1; id.trim() === "" || this.#taken.has(id); n++)
			id = `call_${n}`;
		this.#taken.add(id);
		return id;
	}
}
