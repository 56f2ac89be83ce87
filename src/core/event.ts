import type { ErrorCode } from "./errors.ts";
import type { StopReason, ToolCall, Usage } from "./message.ts";

/** How a turn ended: all that it said, all that it did. */
export interface TurnResult {
	runId: string;
	sessionKey: string;
	/** Everything the person saw, Aeon's own sentences included: exactly the deltas, joined. */
	text: string;
	toolCalls: (ToolCall & { success: boolean })[];
	usage: Usage;
	stopReason: StopReason;
	/** Why there is no whole answer; set exactly where the turn ended in `agent.error`. */
	error?: { code: ErrorCode; message: string };
}

interface OfRun {
	runId: string;
	sessionKey: string;
	/** Counts from 1 within the run, without a gap. */
	seq: number;
}

/** What a turn tells while it runs. It begins with `agent.start` and ends in exactly one `agent.done` or `agent.error`. */
export type TurnEvent = OfRun & TurnEventBody;

/** A TurnEvent before it has its number. */
export type TurnEventBody =
	| { type: "agent.start" }
	| { type: "agent.delta"; text: string }
	| { type: "agent.thinking"; text: string }
	| {
			type: "agent.tool_call";
			callId: string;
			name: string;
			input: Record<string, unknown>;
	  }
	| {
			type: "agent.tool_result";
			callId: string;
			name: string;
			success: boolean;
			output: string;
	  }
	| { type: "agent.done"; result: TurnResult }
	| { type: "agent.error"; result: TurnResult };
