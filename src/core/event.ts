import type { DialogState, PartState } from "./delivery.ts";
import type { ErrorCode } from "./errors.ts";
import type { StopReason, ToolCall, Usage } from "./message.ts";

/** How a turn ended: all that it said, all that it did. */
export interface TurnResult {
	runId: string;
	/** Runs whose messages waited with this one's and were taken into the same turn. */
	joined?: string[];
	sessionKey: string;
	/** Everything the person saw, Aeon's own sentences included: exactly the deltas, joined. */
	text: string;
	toolCalls: (ToolCall & { success: boolean })[];
	usage: Usage;
	stopReason: StopReason;
	/** The model that gave the last whole answer, as `provider/model`. */
	model?: string;
	/** Why there is no whole answer; set exactly where the turn ended in `agent.error`. */
	error?: { code: ErrorCode; message: string };
}

/** A message that is kept: its turn begins, if need be after a restart. */
export interface Acceptance {
	/** The run that answers it; of a repeat, the one that answers the first. */
	runId: string;
	sessionKey: string;
	/** Another turn of the session has to end first. */
	queued: boolean;
	isRepeat: boolean;
	/** How its turn ended. None where that was long ago, or before a restart. */
	result: Promise<TurnResult> | undefined;
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
	/** `attempt` counts from 2 where the turn had begun before the process ended: what was told of it then is void. */
	| { type: "agent.start"; attempt?: number }
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

/** What happens to sessions beside what their turns tell. */
export type SessionEvent =
	| {
			type: "message.inbound";
			runId: string;
			sessionKey: string;
			text: string;
			attachments: number;
	  }
	| {
			type: "session.updated";
			sessionKey: string;
			change: "turn" | "reset" | "deleted" | "compacted";
	  };

/** What happens to dialogs, and to what is said in them that is no turn's answer. */
export type DialogEvent =
	| ({ type: "dialog.state"; name: string } & DialogState)
	| {
			type: "message.outbound";
			deliveryId: string;
			state: PartState;
			dialog: string;
			to: string;
			text: string;
			sessionKey?: string;
	  };

/** Everything that is told whoever watches all sessions. */
export type RuntimeEvent = TurnEvent | SessionEvent | DialogEvent;
