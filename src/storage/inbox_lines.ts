// The lines of a file store's inbox.log, a JSON object each.

import * as z from "zod/mini";
import { bodySchema, filesSchema } from "./inbox_record.ts";
import { partSchema } from "./outbox_record.ts";

/** A message was accepted. What became of it is in its line only where the log was made short. */
const acceptedLine = z.extend(z.partial(bodySchema), {
	run_id: z.string(),
	dialog: z.string(),
	message_id: z.optional(z.string()),
	session_key: z.string(),
	received_at: z.number(),
	taken_by: z.optional(z.string()),
	attempts: z.optional(z.number()),
	taken_at: z.optional(z.number()),
	done_at: z.optional(z.number()),
});

/** The turn of the run `by` took in the messages of these runs. */
const tookLine = z.object({
	took: z.array(z.string()),
	by: z.string(),
	at: z.number(),
});

/** How it was written when to be taken was the end of a message. */
const oldTakenLine = z.object({ taken: z.string(), at: z.number() });

const amendedLine = z.object({
	amended: z.string(),
	text: z.string(),
	files: z.optional(filesSchema),
});

/** The turn of a run began once more. */
const attemptLine = z.object({ attempt: z.string() });

/** Messages are finished and parts are in the outbox, both by the one line. */
const savedLine = z.object({
	finished: z.optional(z.array(z.string())),
	parts: z.array(partSchema),
	/** Where the log was made short: when the parts were first known to be sent or failed. */
	settled_at: z.optional(z.number()),
});

const logLine = z.union([
	acceptedLine,
	tookLine,
	oldTakenLine,
	amendedLine,
	attemptLine,
	savedLine,
]);

export type AcceptedLine = z.infer<typeof acceptedLine>;
export type TookLine = z.infer<typeof tookLine>;
export type AmendedLine = z.infer<typeof amendedLine>;
export type SavedLine = z.infer<typeof savedLine>;
export type LogLine = z.infer<typeof logLine>;

/** Undefined of what is torn or foreign. */
export function asLogLine(json: unknown): LogLine | undefined {
	return logLine.safeParse(json).data;
}
