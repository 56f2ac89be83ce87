// The port to language models: what Aeon asks of one, whoever makes it.

import type { ZodMiniObject } from "zod/mini";
import type {
	Replay,
	SpokenMessage,
	StopReason,
	ToolCall,
	Usage,
} from "../core/message.ts";

/** An image as the model gets it. */
export interface ImageData {
	/** `image/png`, `image/jpeg`, `image/gif` or `image/webp`: true of the bytes, whatever the file is called. */
	mimeType: string;
	base64: string;
}

/** A message ready to be sent: its attachments are read. */
export type PromptMessage = SpokenMessage & { images?: ImageData[] };

/** A tool as the model is told of it. `parameters` is JSON Schema for an object. */
export interface ToolSpec {
	name: string;
	description: string;
	parameters: Record<string, unknown>;
}

/**
 * What a model is asked. The caller promises: the messages begin with a user's and end with a user's or a tool's; every
 * tool call has exactly one tool message right after its message, in the order of the calls; call ids are unique, and in
 * whatever letters the provider chose that gave them; no text is empty.
 */
export interface CompletionRequest {
	/** The system prompt; the same bytes, like `tools`, for every request of a session, so that providers can cache it. */
	system: string;
	messages: PromptMessage[];
	tools: ToolSpec[];
	/** Another model of the same provider than the configured one. */
	model?: string;
}

/** A piece of an answer. */
export type StreamEvent =
	| { type: "text_delta"; text: string }
	| { type: "thinking_delta"; text: string }
	| { type: "tool_call"; call: ToolCall }
	/** Totals of this one answer so far; a later one replaces an earlier one. */
	| { type: "usage"; usage: Usage }
	/** Comes before an answer of another client than the one that was asked: the labels of both, and of those between. */
	| { type: "fallback"; label: string; insteadOf: string[] }
	/** The last event of a whole answer. `replay` is to be handed back with this message while its tool loop is open. */
	| {
			type: "stop";
			reason: StopReason;
			model: string;
			replay?: Replay;
			detail?: string;
	  };

/** A configured model. */
export interface LlmClient {
	/** The model it asks unless a request names another, as `provider/model`, for people. */
	readonly label: string;
	/** Tokens of request and answer together that the model takes. */
	readonly contextWindow: number;
	/** Tokens of the window that an answer may take, thinking included: at most half of it. A request leaves them free. */
	readonly maxAnswerTokens: number;
	/**
	 * Streams one answer: text and thinking as they come, then every tool call whole, then `usage` and one `stop`.
	 * Tool calls come in the model's order, with ids that are not empty and differ from each other.
	 *
	 * Throws `llm_unavailable` when trying again later may help (network, 408, 409, 429, 5xx, a stream that breaks off or
	 * falls silent) and `llm_rejected` when it will not (bad key, bad request). An abort rethrows `signal.reason`. No
	 * request goes out before the first event is asked for; leaving the loop early closes the connection.
	 */
	streamCompletion(
		request: CompletionRequest,
		signal: AbortSignal,
	): AsyncIterable<StreamEvent>;
}

/** A provider of models: the word `provider` in aeon.json names it in `registry.ts`. */
export interface LlmDriver<Options = never> {
	/** What an agent of this provider may have in aeon.json beside what every agent has. Defaults live here. */
	readonly options: ZodMiniObject;
	/** A client for one agent's section. Opens nothing and asks nobody. */
	create(options: Options): LlmClient;
	/**
	 * The names of the models that a section's key can use, as the provider lists them, which costs nothing: how a key is
	 * tried. Throws as `streamCompletion` does.
	 */
	models?(options: Options, signal: AbortSignal): Promise<string[]>;
}
