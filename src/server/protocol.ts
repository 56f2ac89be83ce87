// The methods of the client protocol. Schemas are the only source of its types, its checks and docs/protocol.md.

import * as z from "zod/mini";
import { MEMORY_METHODS } from "./memory_protocol.ts";
import { SESSION_METHODS } from "./session_protocol.ts";
import {
	agentInfo,
	approval,
	attachment,
	count,
	decision,
	dialogState,
	factState,
	flag,
	json,
	ok,
	outcome,
	runId,
	sessionKey,
	text,
	tokens,
	toolCall,
} from "./vocabulary.ts";

/** Every method: what it is for, what it takes, what it gives. */
export const METHODS = {
	hello: {
		about: "Says who is there, and what can be asked.",
		params: z.looseObject({
			client: z.optional(text("The client's name")),
			version: z.optional(text("The client's version")),
		}),
		payload: z.object({
			ok,
			name: z.string(),
			version: z.string(),
			protocol: z.number(),
			clientId: text("What the log calls this connection"),
			limits: z.object({
				maxFrameBytes: z.number(),
				maxBufferedBytes: z.number(),
				maxClients: z.number(),
			}),
			methods: z.array(z.string()),
			events: z.array(z.string()),
			agents: z.array(agentInfo),
			defaultAgent: text("Who answers where no agent is named"),
			notice: z.optional(text("What a person should know of the set-up")),
		}),
	},
	auth: {
		about:
			"Proves that the client may be here; the first request of one that sent no token with its handshake.",
		params: z.strictObject({ token: z.string() }),
		payload: z.object({ ok }),
	},
	ping: {
		about: "Answers at once.",
		params: z.strictObject({}),
		payload: z.object({ ok, now: count("Milliseconds since 1970") }),
	},
	"agent.send": {
		about:
			"Says something in a session. The message is safe once this is answered; the answer comes as events, and with `wait` in the payload, too.",
		params: z.strictObject({
			message: z.string(),
			sessionKey: z.optional(sessionKey),
			agent: z.optional(
				text("Who is to answer, where no `sessionKey` says it already"),
			),
			model: z.optional(
				text(
					"Another agent, whose model answers, or a model of the same provider",
				),
			),
			attachments: z.optional(z.array(attachment).check(z.maxLength(10))),
			messageId: z.optional(
				z
					.string()
					.check(
						z.minLength(1),
						z.maxLength(200),
						z.describe(
							"The client's own id of the message in its session: a repeat does nothing and gives the first run",
						),
					),
			),
			wait: z.optional(flag("Answer at the end of the turn")),
		}),
		payload: z.object({
			ok,
			runId,
			sessionKey,
			queued: flag("Another turn of the session has to end first"),
			...z.partial(z.object(outcome)).shape,
			toolCalls: z.optional(z.array(toolCall)),
		}),
	},
	"agent.cancel": {
		about:
			"Stops what runs and waits in a session, or one run, in under a second.",
		params: z.strictObject({
			sessionKey: z.optional(sessionKey),
			runId: z.optional(runId),
		}),
		payload: z.object({ ok, cancelled: flag("False where nothing ran") }),
	},
	"agent.command": {
		about:
			"Runs a command such as `/new` or `/model`, as a person types it in a chat.",
		params: z.strictObject({
			line: z.string(),
			sessionKey,
			model: z.optional(text("What `/model` gave before")),
		}),
		payload: z.object({
			ok,
			isCommand: flag("False where the line is a message"),
			text: z.optional(z.string()),
			model: z.optional(text("For `model` of the messages after it")),
		}),
	},
	...SESSION_METHODS,
	...MEMORY_METHODS,
	"events.subscribe": {
		about:
			"Replaces this client's filter: only these sessions, only these events. What is left out is not filtered. With `after`, what was missed of the runs still known comes again first.",
		params: z.strictObject({
			sessionKeys: z.optional(z.array(z.string()).check(z.maxLength(1000))),
			events: z.optional(z.array(z.string()).check(z.maxLength(100))),
			after: z.optional(
				z
					.union([z.string(), z.record(z.string(), z.int())])
					.check(
						z.describe(
							'The id of the last event frame, or of each run the last `seq`: `{ "run-…": 7 }`',
						),
					),
			),
		}),
		payload: z.object({
			ok,
			replayed: count("How many events come again; they follow this answer"),
		}),
	},
	"dialog.list": {
		about: "The dialogs, with their state.",
		params: z.strictObject({}),
		payload: z.object({ ok, dialogs: z.array(dialogState) }),
	},
	"dialog.send": {
		about: "Sends a message to somebody, by a dialog.",
		params: z.strictObject({
			dialog: z.string(),
			to: text("The user's id in that dialog"),
			text: z.string().check(z.minLength(1)),
			attachments: z.optional(
				z
					.array(attachment)
					.check(z.describe("Files, for a dialog that can send them")),
			),
		}),
		payload: z.object({ ok, deliveryId: z.string() }),
	},
	"tool.list": {
		about: "The tools that an agent has.",
		params: z.strictObject({ agent: z.optional(z.string()) }),
		payload: z.object({
			ok,
			agent: z.string(),
			tools: z.array(
				z.object({
					name: z.string(),
					description: z.string(),
					parameters: json.check(z.describe("JSON Schema")),
					approval: text("`ask` where a person is asked before each call"),
				}),
			),
		}),
	},
	"approval.list": {
		about: "What waits for a person.",
		params: z.strictObject({}),
		payload: z.object({ ok, approvals: z.array(approval) }),
	},
	"approval.resolve": {
		about:
			"A person's word on a command: once, from now on for exactly this one, or no.",
		params: z.strictObject({ approvalId: z.string(), decision }),
		payload: z.object({ ok }),
	},
	status: {
		about: "How the server is.",
		params: z.strictObject({}),
		payload: z.object({
			ok,
			version: z.string(),
			pid: z.number(),
			uptimeMs: z.number(),
			config: z.nullable(text("The configuration file")),
			memory: z.object({ rssBytes: z.number() }),
			storage: z.object({
				driver: z.string(),
				isWell: z.boolean(),
				problem: z.optional(z.string()),
			}),
			sessions: z.number(),
			facts: z.optional(factState),
			clients: z.number(),
			dialogs: z.array(dialogState),
			queue: z.object({ running: z.number(), waiting: z.number() }),
			tokensToday: tokens,
			faults: count("Errors that nobody expected, since the start"),
			notices: z.array(z.string()),
		}),
	},
	"config.get": {
		about: "The configuration that is in force, every secret as `***`.",
		params: z.strictObject({}),
		payload: z.object({ ok, config: json }),
	},
} as const;

/** What can be asked, by its name. */
export type MethodName = keyof typeof METHODS;

/** What a method is asked with, after its check. */
export type Params<Name extends MethodName> = z.output<
	(typeof METHODS)[Name]["params"]
>;

/** What a method answers. */
export type Payload<Name extends MethodName> = z.output<
	(typeof METHODS)[Name]["payload"]
>;
