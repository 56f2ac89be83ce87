// The frames of the client protocol: what a request looks like, what an answer and an event look like.

import * as z from "zod/mini";
import { WIRE_CODES } from "./codes.ts";

/** The version of the protocol, as `hello` gives it and the subprotocol `aeon.v1` names it. */
export const PROTOCOL_VERSION = 1;

const idSchema = z
	.union([z.string(), z.number()])
	.check(z.describe("A string or a number; it comes back unchanged"));

const answeredIdSchema = z
	.nullable(z.union([z.string(), z.number()]))
	.check(z.describe("The request's; null where that had no usable one"));

/** What a client sends. */
export const requestFrame = z.object({
	id: idSchema,
	method: z.string(),
	params: z.optional(
		z.record(z.string(), z.unknown()).check(z.describe("As the method says")),
	),
});

/** The answer to a request that could be served. */
export const responseFrame = z.object({
	id: answeredIdSchema,
	type: z.literal("response"),
	payload: z
		.record(z.string(), z.unknown())
		.check(z.describe("As the method says")),
});

/** The answer to a request that could not. */
export const errorFrame = z.object({
	id: answeredIdSchema,
	type: z.literal("error"),
	code: z.enum(WIRE_CODES),
	message: z.string().check(z.describe("A sentence for a person")),
	details: z.optional(z.record(z.string(), z.unknown())),
	retryable: z.optional(
		z.boolean().check(z.describe("The same request may succeed later")),
	),
	retryAfterMs: z.optional(
		z.number().check(z.describe("How long to wait before it, milliseconds")),
	),
});

/** What happened. */
export const eventFrame = z.object({
	id: z.string().check(z.describe("For `after` of `events.subscribe`")),
	type: z.literal("event"),
	event: z.string(),
	data: z
		.record(z.string(), z.unknown())
		.check(z.describe("As the event says")),
});

/** The kinds of frames by their names, for `docs/protocol.md`. */
export const FRAMES = {
	request: requestFrame,
	response: responseFrame,
	error: errorFrame,
	event: eventFrame,
};

/** What a client calls a request; its response has the same. */
export type RequestId = z.infer<typeof idSchema>;

/** The answer to a request that failed. */
export type ErrorFrame = z.infer<typeof errorFrame>;
