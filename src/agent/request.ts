// What the runtime is asked: a message, where it came from, who is to answer.

import type { ApprovalRequest, Decision } from "../core/approval.ts";
import type { TurnEvent, TurnResult } from "../core/event.ts";
import type { Attachment } from "../core/message.ts";
import type { Agent, ToolRun } from "./agent.ts";

/** What somebody said to an agent. */
export interface TurnRequest {
	/** Names the agent, too. */
	sessionKey: string;
	text: string;
	attachments?: Attachment[];
	/** Another agent, whose model answers, or another model of the agent's provider. */
	model?: string;
	/** Where it is kept until its turn has ended. */
	accepted?: AcceptedRequest;
}

/** A message that waits in the store. */
export interface AcceptedRequest {
	/** The run it was accepted for. */
	runId: string;
	/** How often its turn has begun before. */
	attempts?: number;
	/** It was taken into its session then. */
	isTaken?: boolean;
	/** It has waited since before the process began, which may have ended because of it. */
	isResumed?: boolean;
	/** Runs whose messages that turn has taken in with it. */
	joined?: string[];
	/** Messages that wait behind one another and are of the same group are taken into one turn. */
	group?: string;
	/** Until then more of it may come, by `performance.now()`: the turn waits. */
	wholeAt?: number;
	/** Set by its turn: what was said is not to be changed any more. */
	isBegun?: boolean;
	/** Fetches what belongs to it, when its turn begins. Throws nothing but what the signal says. */
	complete?(signal: AbortSignal): Promise<Completed>;
}

/** A message with all that belongs to it. */
export interface Completed {
	text: string;
	attachments: Attachment[];
	/** What the person should know of what could not be fetched or read: sentences. */
	remarks: string[];
}

/** A message that was taken in. */
export interface Submission {
	runId: string;
	sessionKey: string;
	/** Another turn of the session has to end first. */
	queued: boolean;
	/** Resolves when its turn has ended, however it ended: `error` in it says why there is no whole answer. */
	result: Promise<TurnResult>;
}

/** Where a message came from: what its turn tells, asks and sends goes there. */
export interface Origin {
	/** Is told every event as it happens. */
	tell(event: TurnEvent): void;
	/** Asks the person whether a command may run. */
	approve(request: ApprovalRequest, signal: AbortSignal): Promise<Decision>;
	/** Sends what a tool wants sent, and says where it went. */
	send: ToolRun["send"];
}

/** Who answers: an agent, and the model in place of its own. */
export interface Chosen {
	agent: Agent;
	model: string | undefined;
}
