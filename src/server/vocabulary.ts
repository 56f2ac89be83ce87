// What methods and events have in common: the schemas of their parts.

import * as z from "zod/mini";
import { STOP_REASONS } from "../core/message.ts";

/** How many sessions or messages come at a time where nothing is said, and at most. */
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;

/** A text, described for `docs/protocol.md`. */
export const text = (about: string) => z.string().check(z.describe(about));

/** A number, described likewise. */
export const count = (about: string) => z.number().check(z.describe(about));

/** A yes or no, described likewise. */
export const flag = (about: string) => z.boolean().check(z.describe(about));

/** In every payload: the method did what it was asked. */
export const ok = z.literal(true);

/** Whose session, with which agent and where. */
export const sessionKey = text("`agent:<agent>:<dialog>:<user>`");

/** What a turn is called. */
export const runId = text("Names one turn");

/** How many to give at a time. */
export const limit = z._default(
	z
		.int()
		.check(z.minimum(1), z.maximum(MAX_LIMIT), z.describe("How many at most")),
	DEFAULT_LIMIT,
);

/** An object of any shape. */
export const json = z.record(z.string(), z.unknown());

/** What a turn took. */
export const usage = z
	.object({
		inputTokens: z.number(),
		outputTokens: z.number(),
		cacheReadTokens: z.number(),
		cacheWriteTokens: z.number(),
	})
	.check(z.describe("Tokens, as the provider counts them"));

/** Why a turn's last answer ended. */
export const stopReason = z
	.enum(STOP_REASONS)
	.check(z.describe("Why the answer ended"));

/** A tool call that is over, as events tell of it. */
export const toolCall = z.object({
	id: z.string(),
	name: z.string(),
	input: json,
	success: z.boolean(),
});

/** What a turn came to; the fields of whatever tells of that. */
export const outcome = {
	text: text("Everything that was said: the deltas, joined"),
	usage,
	stopReason,
	model: z.optional(text("Who answered, as `provider/model`")),
};

/** A file that comes with a message. */
export const attachment = z.union([
	z.strictObject({
		path: text("A file of the workspace, relative to it"),
	}),
	z.strictObject({
		data: text("The file's bytes in base64; it is put into the workspace"),
		name: text("What to call it"),
	}),
]);

/** A session as such. */
export const session = z.object({
	sessionKey,
	agentId: z.string(),
	createdAt: count("Milliseconds since 1970"),
	updatedAt: count("Milliseconds since 1970"),
});

/** A session in a list. */
export const sessionSummary = z.extend(session, {
	messageCount: z.number(),
	lastText: text("The beginning of the last text said in it"),
});

/** A message of a session's history. */
export const message = z
	.object({
		id: count("Grows with every message of a session"),
		role: z.enum(["user", "assistant", "tool", "summary"]),
		content: z.string(),
		timestamp: count("Milliseconds since 1970"),
		attachments: z.optional(
			z.array(z.object({ path: z.string(), mimeType: z.string() })),
		),
		toolCalls: z.optional(
			z.array(
				z.object({
					id: z.string(),
					name: z.string(),
					input: json,
					error: z.optional(text("The arguments were cut or unreadable")),
				}),
			),
		),
		usage: z.optional(usage),
		stopReason: z.optional(stopReason),
		model: z.optional(z.string()),
		notice: z.optional(text("Aeon's own sentence under the answer")),
		trimmed: z.optional(flag("The model did not see the oldest messages")),
		toolCallId: z.optional(text("The call that this is the result of")),
		toolName: z.optional(z.string()),
		isError: z.optional(flag("The tool failed")),
		recalled: z.optional(
			text("What Aeon remembered when this was said, as the model sees it"),
		),
		through: z.optional(
			count(
				"Of a summary: the id of the last message that the model sees it in place of",
			),
		),
	})
	.check(z.describe("As it was said"));

/** A fact that is remembered of somebody. */
export const fact = z.object({
	id: count("Names it, whoever it belongs to"),
	agent: z.string(),
	user: text(
		"Who it belongs to: `<dialog>:<user>` of a session key, or a name of `memory.users`",
	),
	text: z.string(),
	savedAt: count("Milliseconds since 1970"),
});

/** How the memory is. */
export const factState = z
	.object({
		count: z.number(),
		waiting: count("Those that cannot be found by their meaning yet"),
		problem: z.optional(text("Why not, where that does not pass by itself")),
	})
	.check(z.describe("What is remembered; left out where it cannot be read"));

/** A command that waits for somebody's word. */
export const approval = z.object({
	approvalId: z.string(),
	sessionKey,
	tool: z.string(),
	command: z.string(),
	cwd: text("The real directory it would run in"),
	expiresAt: count("Milliseconds since 1970; after it, the answer is no"),
});

/** That word: for once, from now on, or no. */
export const decision = z.enum(["allow", "always", "deny"]);

/** How a dialog is. */
export const dialogState = z.object({
	name: z.string(),
	state: z.enum(["starting", "running", "retrying", "stopped"]),
	problem: z.optional(text("Why it is not running")),
	delay: z.optional(
		z
			.object({
				since: count("Milliseconds since 1970"),
				parts: count("How many messages wait so"),
				reason: z.string(),
			})
			.check(
				z.describe(
					"What could not be delivered so far and is tried again; not in the event",
				),
			),
	),
	lastFailure: z.optional(
		z
			.object({
				at: count("Milliseconds since 1970"),
				reason: z.string(),
			})
			.check(
				z.describe(
					"What could not be delivered last, since the start; not in the event",
				),
			),
	),
});

/** Sums of tokens. */
export const tokens = z.object({
	inputTokens: z.number(),
	outputTokens: z.number(),
	cacheReadTokens: z.number(),
	cacheWriteTokens: z.number(),
});

/** An agent as clients see it. */
export const agentInfo = z.object({
	id: z.string(),
	model: text("As `provider/model`"),
	problem: z.optional(text("Why it cannot answer")),
});
