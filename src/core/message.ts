// The words every part shares: what is said in a session, by whom, and with what attached.

/** A file that belongs to a message, named by its path; its bytes are never kept in the store. */
export interface Attachment {
	path: string;
	mimeType: string;
}

/** What a person said. */
export interface InboundMessage {
	sessionKey: string;
	text: string;
	attachments?: Attachment[];
	/** The agent or model that is to answer, where it is not the session's own. */
	model?: string;
	/** The platform's or the client's own id of it, unique within the dialog: a repeat is not answered again. */
	messageId?: string;
}

/** A model's wish to have a tool run. */
export interface ToolCall {
	/** Unique within its message; answered by the tool message with the same `toolCallId`. */
	id: string;
	name: string;
	input: Record<string, unknown>;
	/** Set where the arguments were cut or unreadable: `input` is then `{}`, and this is the result instead of a run. */
	error?: string;
}

/** Tokens of one or more model calls, as the provider counts them. */
export interface Usage {
	inputTokens: number;
	outputTokens: number;
	/** Read from the provider's prompt cache. Anthropic counts these beside `inputTokens`, OpenAI within them. */
	cacheReadTokens: number;
	/** Written to the provider's prompt cache. */
	cacheWriteTokens: number;
}

/** Why an answer ended, in the words of Anthropic's Messages API (`stop_reason`), to which every driver maps its own. */
export const MODEL_STOP_REASONS = [
	"end_turn",
	"max_tokens",
	"tool_use",
	"stop_sequence",
	"pause_turn",
	"refusal",
	"model_context_window_exceeded",
] as const;

/** The same, and what Aeon adds: the stream broke, somebody stopped the turn, the tool loop had to end. */
export const STOP_REASONS = [
	...MODEL_STOP_REASONS,
	"cut",
	"cancelled",
	"loop_limit",
] as const;

export type StopReason = (typeof STOP_REASONS)[number];

/** What a driver wants back verbatim while the tool loop is open (thinking blocks, reasoning fields). Never stored. */
export interface Replay {
	driver: string;
	model: string;
	content: unknown;
}

export interface UserMessage {
	role: "user";
	content: string;
	attachments?: Attachment[];
}

export interface AssistantMessage {
	role: "assistant";
	content: string;
	toolCalls?: ToolCall[];
	usage?: Usage;
	stopReason?: StopReason;
	/** The model that answered. */
	model?: string;
	/** A sentence of Aeon's own that the person saw under this answer; the model does not see it. */
	notice?: string;
	/** Older turns were left out of the request, and the person knows. */
	trimmed?: boolean;
	replay?: Replay;
}

export interface ToolMessage {
	role: "tool";
	content: string;
	toolCallId: string;
	toolName: string;
	isError?: boolean;
	attachments?: Attachment[];
}

/** One message of a session. */
export type Message = UserMessage | AssistantMessage | ToolMessage;

/** No tokens at all: where a sum begins. */
export const NO_USAGE: Readonly<Usage> = {
	inputTokens: 0,
	outputTokens: 0,
	cacheReadTokens: 0,
	cacheWriteTokens: 0,
};

/** The sum of two counts. */
export function addUsage(a: Usage, b: Usage): Usage {
	return {
		inputTokens: a.inputTokens + b.inputTokens,
		outputTokens: a.outputTokens + b.outputTokens,
		cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
		cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
	};
}
