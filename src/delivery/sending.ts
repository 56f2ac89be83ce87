// One try to bring one part to its chat, and what is to be done after it.

import type { OutboxPart } from "../core/delivery.ts";
import { describeError, hasCode } from "../core/errors.ts";
import type { Attachment } from "../core/message.ts";
import type { DialogProvider, OutboundFile } from "../dialogs/provider.ts";

/** How long something undelivered is tried again. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** Between two tries: doubled each time, up to a limit. */
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;

/** What a part is sent with. */
export interface SendingParts {
	dialog: DialogProvider;
	/** A file of the workspace, for sending. Throws `peer_rejected` where it is not there any more. */
	openFile(attachment: Attachment): Promise<OutboundFile>;
	/** Keeps a part as it stands. */
	save(part: OutboxPart): Promise<void>;
	now(): number;
}

/** What came of a try. */
export interface Outcome {
	/** As it stands now: sent, failed, or pending with another time. */
	part: OutboxPart;
	/** How long the platform wants to be left alone by the whole chat. */
	closedMs?: number | undefined;
	/** Nothing reaches this chat any more. */
	isShut?: boolean;
}

/** Sends, edits or takes away a part. Throws nothing but what the signal says. */
export async function sendPart(
	part: OutboxPart,
	parts: SendingParts,
	signal: AbortSignal,
): Promise<Outcome> {
	const { triedAt: before } = part;
	try {
		const platformId = await bring(part, parts, signal);
		const { triedAt, dueAt, reason, ...rest } = part;
		return { part: { ...rest, ...called(platformId), state: "sent" } };
	} catch (error) {
		if (signal.aborted) throw signal.reason;
		return {
			part: afterFailure(part, before, error, parts.now()),
			closedMs: closingMs(error),
			isShut: hasCode(error, "peer_rejected") && error.status === 403,
		};
	}
}

/** How long a platform wants to be left alone by a chat, where that is what it said. */
export function closingMs(error: unknown): number | undefined {
	return hasCode(error, "peer_unavailable") ? error.retryAfterMs : undefined;
}

async function bring(
	part: OutboxPart,
	{ dialog, openFile, save }: SendingParts,
	signal: AbortSignal,
): Promise<string | undefined> {
	const { to, content, platformId, sessionKey, deliveryId, triedAt } = part;
	const { text, attachment, replyTo } = content;
	if (platformId !== undefined && text === "" && !attachment) {
		await dialog.remove?.(to, platformId).catch((error) => {
			// It is gone already, or cannot be taken away: there is nothing to be done about that.
			if (!hasCode(error, "peer_rejected")) throw error;
		});
		return platformId;
	}
	if (text === "" && !attachment) return undefined;
	const message = {
		text,
		deliveryId,
		...(sessionKey !== undefined && { sessionKey }),
		...(replyTo !== undefined && { replyTo }),
	};
	if (platformId !== undefined && dialog.edit) {
		await dialog.edit(to, platformId, message, signal);
		return platformId;
	}
	const file = attachment && (await openFile(attachment));
	// A kill from here on leaves it unknown whether it arrived.
	part.triedAt ??= dialog.bookmark?.(to) ?? "";
	await save(part);
	return dialog.send(
		to,
		{
			...message,
			...(file && { file }),
			...(triedAt !== undefined && { triedAt }),
		},
		signal,
	);
}

function afterFailure(
	part: OutboxPart,
	triedBefore: string | undefined,
	error: unknown,
	now: number,
): OutboxPart {
	const { platformId, dueAt, triedAt, ...rest } = part;
	const reason = describeError(error);
	// What was to be edited is gone: it is said anew.
	if (platformId !== undefined && isGone(error) && part.content.text !== "")
		return { ...rest, reason, attempts: part.attempts + 1, dueAt: now };
	const isTransient = hasCode(error, "peer_unavailable", "peer_silent");
	if (!isTransient)
		return { ...rest, ...called(platformId), state: "failed", reason };
	if (now - part.createdAt > MAX_AGE_MS)
		return {
			...rest,
			...called(platformId),
			state: "failed",
			reason: `It could not be delivered for 24 hours: ${reason}`,
		};
	const backoffMs = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** part.attempts);
	const pauseMs = error.retryAfterMs ?? backoffMs * (0.75 + Math.random() / 2);
	// Where nothing was done, there is no more to be looked for than before.
	const uncertain = error.code === "peer_silent" ? triedAt : triedBefore;
	return {
		...rest,
		...called(platformId),
		...(uncertain !== undefined && { triedAt: uncertain }),
		reason,
		attempts: part.attempts + 1,
		dueAt: now + pauseMs,
	};
}

function called(platformId: string | undefined) {
	return platformId === undefined ? {} : { platformId };
}

function isGone(error: unknown): boolean {
	return hasCode(error, "peer_rejected") && error.status === 400;
}
