// The words every part shares: what is said in a session, by whom, and with what attached.

/** A file that belongs to a message, named by its path; its bytes are never kept in the store. */
export interface Attachment {
	path: string;
	mimeType: string;
}

/** A file that lies with a platform until its turn fetches it. */
export interface RemoteFile {
	kind: "image" | "voice" | "audio" | "video" | "document";
	/** What the dialog fetches it by. */
	id: string;
	/** Names its bytes, whoever sends them and how often: letters, digits, - and _. */
	uniqueId: string;
	/** What the sender calls it: nothing to trust. */
	name?: string;
	/** What the sender says it is: nothing to trust. */
	mimeType?: string;
	/** Bytes, where the platform says so. */
	size?: number;
	/** How long it plays. */
	seconds?: number;
}

/** What a person said. */
export interface InboundMessage {
	sessionKey: string;
	text: string;
	attachments?: Attachment[];
	/** Files to be fetched when its turn begins. */
	files?: RemoteFile[];
	/** The agent or model that is to answer, where it is not the session's own. */
	model?: string;
	/** The platform's or the client's own id of it, unique within the dialog: a repeat is not answered again. */
	messageId?: string;
	/** What the platform calls it in its chat: an edit names it so, and an answer may refer to it. */
	reference?: string;
	/** Who of a session's people said it, where there are several; only they may answer the questions of its turn. */
	sender?: string;
	/** Of messages that belong together and come one by one: its turn waits a moment for the others. */
	album?: string;
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

/** Why an answer ended. */
export type StopReason = (typeof STOP_REASONS)[number];

/** What a driver wants back verbatim while the tool loop is open (thinking blocks, reasoning fields). Never stored. */
export interface Replay {
	driver: string;
	model: string;
	content: unknown;
}

/** What a person said. */
export interface UserMessage {
	role: "user";
	content: string;
	attachments?: Attachment[];
	/** What Aeon remembered when this was said: the model sees it below the text, the person does not. Kept, so that a request's bytes stay the same. */
	recalled?: string;
}

/** What a model said, and the tools that it called with that. */
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
	/** The provider refused the pictures before it: they are not sent again, and the person knows. */
	picturesRefused?: boolean;
	replay?: Replay;
}

/** What came of a tool's call, for the model. */
export interface ToolMessage {
	role: "tool";
	content: string;
	toolCallId: string;
	toolName: string;
	isError?: boolean;
	attachments?: Attachment[];
}

/** What was said in a session up to a message, in short: the model sees it in the place of all that. The originals stay. */
export interface SummaryMessage {
	role: "summary";
	content: string;
	/** The id of the last message that it stands for. */
	through: number;
	usage?: Usage;
	/** The model that wrote it. */
	model?: string;
}

/** What was said or done, and in which words. */
export type SpokenMessage = UserMessage | AssistantMessage | ToolMessage;

/** One message of a session. */
export type Message = SpokenMessage | SummaryMessage;

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
