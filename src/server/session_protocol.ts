// The methods of the client protocol about sessions.

import * as z from "zod/mini";
import {
	count,
	flag,
	limit,
	message,
	ok,
	session,
	sessionKey,
	sessionSummary,
	text,
} from "./vocabulary.ts";

/** Part of METHODS. */
export const SESSION_METHODS = {
	"session.list": {
		about: "The sessions, the one used last first.",
		params: z.strictObject({
			limit,
			before: z.optional(text("The `cursor` of the page before")),
			dialog: z.optional(z.string()),
			agent: z.optional(z.string()),
		}),
		payload: z.object({
			ok,
			sessions: z.array(sessionSummary),
			cursor: z.nullable(text("For `before` of the next page")),
		}),
	},
	"session.get": {
		about: "One session.",
		params: z.strictObject({ sessionKey }),
		payload: z.object({ ok, session }),
	},
	"session.history": {
		about:
			"The last messages of a session, oldest first; long ones in fewer at a time.",
		params: z.strictObject({
			sessionKey,
			limit,
			before: z.optional(count("The `cursor` of the page before")),
		}),
		payload: z.object({
			ok,
			sessionKey,
			messages: z.array(message),
			cursor: z.nullable(count("For `before` of the next page")),
		}),
	},
	"session.reset": {
		about: "Begins a session anew; what was said is kept under another key.",
		params: z.strictObject({ sessionKey }),
		payload: z.object({
			ok,
			archivedAs: z.optional(text("The key of what was said")),
		}),
	},
	"session.compact": {
		about:
			"Sums up the older turns of a session now, which may take as long as a turn. What was said stays; the model sees the summary in its place.",
		params: z.strictObject({ sessionKey }),
		payload: z.object({
			ok,
			messages: count(
				"How many the summary stands for now and did not before; 0 where there was nothing to sum up",
			),
			summary: z.optional(text("The session's summary as it is now")),
		}),
	},
	"session.delete": {
		about: "Deletes a session and all that was said in it.",
		params: z.strictObject({ sessionKey }),
		payload: z.object({ ok, deleted: flag("False where there was none") }),
	},
} as const;
