// A part of the outbox: as JSON, which gives every text back exactly, and what it is found by.

import * as z from "zod/mini";
import { type OutboxPart, PART_STATES } from "../core/delivery.ts";
import { attachmentSchema } from "./inbox_record.ts";

/** An `OutboxPart`. */
export const partSchema = z.object({
	deliveryId: z.string(),
	part: z.number(),
	dialog: z.string(),
	to: z.string(),
	sessionKey: z.optional(z.string()),
	content: z.object({
		text: z.string(),
		attachment: z.optional(attachmentSchema),
		replyTo: z.optional(z.string()),
	}),
	state: z.enum(PART_STATES),
	platformId: z.optional(z.string()),
	triedAt: z.optional(z.string()),
	reason: z.optional(z.string()),
	attempts: z.number(),
	createdAt: z.number(),
	dueAt: z.optional(z.number()),
});

/** One name for the two by which a part is known. */
export function nameOfPart(part: { deliveryId: string; part: number }): string {
	return `${part.part} ${part.deliveryId}`;
}

/** True of what a dialog has to send some day. */
export function isPending(part: OutboxPart, dialog: string): boolean {
	const { state, dueAt } = part;
	return part.dialog === dialog && state === "pending" && dueAt !== undefined;
}

/** The order of the parts of one message. */
export function byPart(a: OutboxPart, b: OutboxPart): number {
	return a.part - b.part;
}
