// What the providers refuse with a 400: the rules that a history has to keep (Messages API, Chat Completions).

/** A part of a message as it lies on the wire. */
export interface WireBlock {
	type?: string;
	[field: string]: unknown;
}

/** A message as it lies on the wire, of either API. */
export interface WireMessage {
	role: string;
	content?: string | WireBlock[] | null;
	tool_call_id?: string;
	tool_calls?: {
		id: string;
		type: string;
		function: { name: string; arguments: string };
	}[];
	[field: string]: unknown;
}

/** The body of a request, of either API. */
export interface WireBody {
	model: string;
	messages: WireMessage[];
	tools?: Record<string, unknown>[];
	system?: WireBlock[];
	[field: string]: unknown;
}

/** The first rule of the Messages API that a request breaks, or undefined. */
export function breachOfAnthropic(
	headers: Record<string, string>,
	body: WireBody,
): string | undefined {
	if (!headers["x-api-key"]) return "x-api-key header is required";
	if (!headers["anthropic-version"]) return "anthropic-version is required";
	if (!(Number(body.max_tokens) > 0)) return "max_tokens: required";
	const marks = JSON.stringify(body).split('"cache_control"').length - 1;
	if (marks > 4) return `at most 4 blocks with cache_control, found ${marks}`;
	const thinking = body.thinking as WireBlock | undefined;
	if (thinking && body.temperature !== undefined) {
		return "temperature may not be set when thinking is enabled";
	}
	if (Number(thinking?.budget_tokens) >= Number(body.max_tokens)) {
		return "max_tokens must be greater than thinking.budget_tokens";
	}
	for (const block of body.system ?? []) {
		if (!isSaid(block.text))
			return "system: text content blocks must be non-empty";
	}
	const { messages } = body;
	if (messages[0]?.role !== "user")
		return "first message must use the user role";
	if (messages.at(-1)?.role !== "user") return "must end with a user message";
	const ids = new Set<unknown>();
	let open: unknown[] = [];
	for (const [n, { role, content }] of messages.entries()) {
		const at = `messages.${n}`;
		if (role === messages[n - 1]?.role) return `${at}: roles must alternate`;
		if (!Array.isArray(content)) {
			if (!isSaid(content)) return `${at}: content must be non-empty`;
			if (open.length > 0) return `${at}: tool_use without tool_result`;
			continue;
		}
		if (content.length === 0) return `${at}: content must be non-empty`;
		const types = content.map(({ type }) => type);
		const results = types.filter((type) => type === "tool_result").length;
		if (types.slice(0, results).some((type) => type !== "tool_result")) {
			return `${at}: tool_result blocks must come first`;
		}
		const answered = content.slice(0, results).map((one) => one.tool_use_id);
		if (answered.toSorted().join() !== open.toSorted().join()) {
			return `${at}: tool_use ids [${open}] are answered by tool_result ids [${answered}]`;
		}
		open = [];
		for (const block of content) {
			if (block.type === "text" && !isSaid(block.text)) {
				return `${at}: text content blocks must be non-empty`;
			}
			if (block.type === "thinking" && !block.signature) {
				return `${at}: thinking.signature: field required`;
			}
			if (block.type === "tool_result" && block.content !== undefined) {
				const said = block.content as string | WireBlock[];
				if (said.length === 0) return `${at}: empty tool_result`;
			}
			if (block.type !== "tool_use") continue;
			if (role !== "assistant") return `${at}: tool_use of the ${role}`;
			if (!/^[\w-]+$/.test(String(block.id))) return `${at}: bad tool_use id`;
			if (ids.has(block.id)) return `${at}: tool_use ids must be unique`;
			if (!isObject(block.input)) return `${at}: tool_use.input: not an object`;
			ids.add(block.id);
			open.push(block.id);
		}
	}
	return undefined;
}

/** The first rule of Chat Completions that a request breaks, or undefined. */
export function breachOfOpenai(body: WireBody): string | undefined {
	const system = body.messages.findLastIndex(({ role }) => role === "system");
	const messages = body.messages.slice(system + 1);
	if (system > 0) return "system message must be first";
	if (messages[0]?.role !== "user") return "first message must be the user's";
	if (messages.at(-1)?.role === "assistant") return "assistant message is last";
	let open: string[] = [];
	for (const [n, message] of messages.entries()) {
		const at = `messages[${n}]`;
		const { role, content, tool_calls = [] } = message;
		if (role === "tool") {
			if (!open.includes(message.tool_call_id ?? "")) {
				return `${at}: no tool call ${message.tool_call_id} before it is open`;
			}
			if (!isSaid(content)) return `${at}: empty tool message`;
			open = open.filter((id) => id !== message.tool_call_id);
			continue;
		}
		if (open.length > 0) return `${at}: tool calls [${open}] without an answer`;
		if (role === messages[n - 1]?.role) return `${at}: roles must alternate`;
		if (tool_calls.length === 0 && !isSaid(content) && !content?.length) {
			return `${at}: empty content`;
		}
		if (content === "") return `${at}: empty content`;
		for (const call of tool_calls) {
			if (!call.id || open.includes(call.id)) return `${at}: bad tool call id`;
			if (!isObject(JSON.parse(call.function.arguments))) {
				return `${at}: arguments are not an object`;
			}
			open.push(call.id);
		}
	}
	return undefined;
}

function isSaid(text: unknown): boolean {
	return typeof text === "string" && text.trim() !== "";
}

function isObject(value: unknown): boolean {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
