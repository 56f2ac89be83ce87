// The events of the client protocol: what a client is told without having asked.

import * as z from "zod/mini";
import { PART_STATES } from "../core/delivery.ts";
import { WIRE_CODES } from "./codes.ts";
import {
	approval,
	count,
	decision,
	dialogState,
	json,
	outcome,
	runId,
	sessionKey,
	text,
} from "./vocabulary.ts";

const ofRun = {
	runId,
	sessionKey,
	seq: count("Counts from 1 within the run, without a gap"),
};

/** Every event: what it tells, and its data. */
export const EVENTS = {
	"agent.start": {
		about: "A turn begins.",
		data: z.object({
			...ofRun,
			attempt: z.optional(
				count(
					"From 2 on: the server was restarted in the turn, and begins it again; what was told of it before is void",
				),
			),
		}),
	},
	"agent.delta": {
		about: "A piece of the answer.",
		data: z.object({ ...ofRun, text: z.string() }),
	},
	"agent.thinking": {
		about: "A piece of what the model thinks aloud.",
		data: z.object({ ...ofRun, text: z.string() }),
	},
	"agent.tool_call": {
		about: "A tool is about to run.",
		data: z.object({
			...ofRun,
			callId: z.string(),
			name: z.string(),
			input: json,
		}),
	},
	"agent.tool_result": {
		about: "A tool has run.",
		data: z.object({
			...ofRun,
			callId: z.string(),
			name: z.string(),
			success: z.boolean(),
			output: z.string(),
		}),
	},
	"agent.done": {
		about:
			"The turn has ended well; one of this and `agent.error` is a run's last event.",
		data: z.object({ ...ofRun, ...outcome }),
	},
	"agent.error": {
		about: "The turn has ended without its whole answer.",
		data: z.object({
			...ofRun,
			...outcome,
			code: z.enum(WIRE_CODES),
			message: z.string(),
		}),
	},
	"message.inbound": {
		about:
			"A message was taken in. In a chat, messages that wait behind one another are answered together, by the first one's run.",
		data: z.object({
			runId,
			sessionKey,
			text: z.string(),
			attachments: count("How many"),
		}),
	},
	"message.outbound": {
		about:
			"What became of a message that answers nobody: a tool's, or by `dialog.send`. One that has to wait is `pending` first.",
		data: z.object({
			deliveryId: z.string(),
			state: z.enum(PART_STATES),
			dialog: z.string(),
			to: z.string(),
			text: z.string(),
			sessionKey: z.optional(text("The session whose tool sent it")),
		}),
	},
	"session.updated": {
		about: "A session has changed.",
		data: z.object({
			sessionKey,
			change: z.enum(["turn", "reset", "deleted", "compacted"]),
		}),
	},
	"approval.requested": { about: "A person is asked.", data: approval },
	"approval.resolved": {
		about: "A question is closed: answered, expired, or its turn stopped.",
		data: z.object({ approvalId: z.string(), sessionKey, decision }),
	},
	"dialog.state": {
		about: "A dialog's state has changed.",
		data: dialogState,
	},
	"server.shutdown": {
		about: "The server is about to end; running turns have so long.",
		data: z.object({ drainMs: z.number() }),
	},
} as const;

/** What an event is called. */
export type EventName = keyof typeof EVENTS;

/** What an event of this name has to say. */
export type EventData<Name extends EventName> = z.output<
	(typeof EVENTS)[Name]["data"]
>;

/** An event before it has its id. */
export type WireEvent = {
	[Name in EventName]: { event: Name; data: EventData<Name> };
}[EventName];
