import type { Message } from "../../src/core/message.ts";

/**
 * What is wrong with messages by the providers' rules; empty where they would be taken. (Anthropic Messages API, "Tool
 * use" and "Messages"; OpenAI Chat Completions, "messages".)
 */
export function brokenRules(messages: readonly Message[]): string[] {
	const broken: string[] = [];
	const ids = new Set<string>();
	if (messages[0]?.role !== "user") broken.push("does not begin with a user");
	messages.forEach((message, index) => {
		const next = messages[index + 1];
		if (message.role === "user") {
			if (message.content.trim() === "")
				broken.push(`${index}: empty user text`);
			if (next?.role === "user") broken.push(`${index}: two users in a row`);
			if (next?.role === "tool") broken.push(`${index}: a result after a user`);
		}
		if (message.role !== "assistant") return;
		const calls = message.toolCalls ?? [];
		if (calls.length === 0 && message.content.trim() === "")
			broken.push(`${index}: an empty answer`);
		if (calls.length === 0 && next?.role === "assistant")
			broken.push(`${index}: two answers in a row`);
		for (const { id } of calls) {
			if (id.trim() === "") broken.push(`${index}: an empty id`);
			if (ids.has(id)) broken.push(`${index}: id ${id} twice`);
			ids.add(id);
		}
		const results: string[] = [];
		for (let at = index + 1; messages[at]?.role === "tool"; at++) {
			const result = messages[at];
			if (result?.role === "tool") results.push(result.toolCallId);
			if (result?.content === "") broken.push(`${at}: an empty result`);
		}
		const wanted = calls.map((call) => call.id);
		if (results.join() !== wanted.join())
			broken.push(`${index}: calls ${wanted} are answered by ${results}`);
	});
	return broken;
}
