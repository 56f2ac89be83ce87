// What is sent to people by dialogs that somebody else carries: the parts of a message, and what became of them.

import type { AeonError } from "./errors.ts";
import type { Attachment } from "./message.ts";

/** What became of a part. Only some platforms tell that a part was delivered to the person, and read. */
export const PART_STATES = [
	"pending",
	"sent",
	"delivered",
	"read",
	"failed",
] as const;

/** How far a part has come. */
export type PartState = (typeof PART_STATES)[number];

/** What a platform tells later of a message that it was given. It may come late, more than once and in any order. */
export interface DeliveryReport {
	/** What the platform calls the message. */
	platformId: string;
	/** What Aeon called it when it was sent, where the platform gives that back. */
	name?: PartName;
	state: Exclude<PartState, "pending">;
	/** Why it failed: `peer_unavailable` where it may be sent again, `peer_rejected` where not. */
	error?: AeonError;
}

/** What a part is known by. */
export type PartName = Pick<OutboxPart, "deliveryId" | "part">;

/** What one part says: one message of the platform. */
export interface PartContent {
	/** In the form that the dialog's `split` gave it. */
	text: string;
	/** A file of the workspace; the text is its caption. */
	attachment?: Attachment;
	/** The message that it answers, as the platform calls that one. */
	replyTo?: string;
}

/** One part of something said to somebody, on its way or delivered. Named by `deliveryId` and `part`. Times are milliseconds since 1970. */
export interface OutboxPart {
	/** The message that it is a part of: of an answer its run, otherwise an id of its own. */
	deliveryId: string;
	/** Counts from 0 within the message. */
	part: number;
	dialog: string;
	/** Whom to: as the last part of a session key. */
	to: string;
	sessionKey?: string;
	content: PartContent;
	state: PartState;
	/** What the platform calls it, where it is known to be there, with this or an earlier content. */
	platformId?: string;
	/** Where the chat stood before a try whose outcome nobody knows, in the dialog's words. */
	triedAt?: string;
	/** Why it failed, or why the last try did. */
	reason?: string;
	/** Tries that failed. */
	attempts: number;
	createdAt: number;
	/** When to try next; none while its turn still changes it. */
	dueAt?: number;
}

/** A file on its way to a person. */
export interface OutboundFile {
	name: string;
	mimeType: string;
	/** Bytes. */
	size: number;
	/** Its bytes from the beginning; may be asked for again. Throws `peer_rejected` where it is not the same file any more. */
	read(): AsyncIterable<Uint8Array>;
}

/** How a dialog is: `retrying` and `stopped` with why, in a sentence for a person. */
export interface DialogState {
	state: "starting" | "running" | "retrying" | "stopped";
	problem?: string;
}

/** A new id of something said that is no turn's answer. */
export function newDeliveryId(): string {
	return `delivery-${crypto.randomUUID()}`;
}
