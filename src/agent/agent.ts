import type { ToolCall } from "../core/message.ts";
import type { LlmClient, ToolSpec } from "../llm/client.ts";
import type { ToolContext, ToolResult } from "../tools/tool.ts";

/** A configured agent: its model, what it is told, what it may do, and where it stops. */
export interface Agent {
	readonly id: string;
	readonly llm: LlmClient;
	/** The system prompt; it and the tools keep their bytes as long as the agent lives. */
	readonly system: string;
	readonly toolSpecs: ToolSpec[];
	/** Runs one of its tools. A tool that fails gives a result; an abort rethrows `signal.reason`. */
	runTool(call: ToolCall, context: ToolRun): Promise<ToolResult>;
	/** How many of a session's last messages the model sees. */
	readonly historyLimit: number;
	/** When and by whom the older turns are summed up. */
	readonly compaction: Compaction;
	readonly maxToolCalls: number;
	readonly maxTurnMs: number;
}

/** How an agent's long conversations are kept short. */
export interface Compaction {
	/** The share of the room for messages at which it begins, where they are not more than `historyLimit` before; 0 for never, unless asked. */
	at: number;
	/** Who writes the summaries. */
	llm: LlmClient;
}

/** What a run of a tool needs to know of its turn. */
export type ToolRun = Pick<
	ToolContext,
	"signal" | "sessionKey" | "approve" | "send"
>;
