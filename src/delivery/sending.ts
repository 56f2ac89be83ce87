// One try to bring one part to its chat, and what is to be done after it.

import type {
	DeliveryReport,
	OutboundFile,
	OutboxPart,
} from "../core/delivery.ts";
import { AeonError, describeError, hasCode } from "../core/errors.ts";
import type { Attachment } from "../core/message.ts";
import type { DialogProvider } from "../dialogs/provider.ts";

/** How long something undelivered is tried again. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** And so often at least. */
const MIN_TRIES = 20;

/** Between two tries: doubled each time, up to a limit. */
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;

/** A file of which nobody knows whether it arrived is sent so often at most. */
const MAX_FILE_TRIES = 3;

/** What the platform takes again and again, and cannot deliver, is sent so often at most; tries that failed count as well. */
const MAX_RESENDS = 10;

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
	/** Why the file that was in it is not sent; the words that came with it go without. */
	lostFile?: string;
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
		return afterTry(part, before, error, parts);
	}
}

/** What a message comes to that the platform took and could not deliver. */
export function afterReport(
	part: OutboxPart,
	{ error }: DeliveryReport,
	parts: Pick<SendingParts, "dialog" | "now">,
): Outcome {
	const { platformId, triedAt, ...rest } = part;
	const again: OutboxPart = { ...rest, state: "pending" };
	const failure =
		error ?? new AeonError("peer_rejected", "The platform did not say why.");
	const isEnough = part.attempts >= MAX_RESENDS;
	const outcome = afterTry(
		again,
		undefined,
		isEnough ? new AeonError("peer_rejected", failure.message) : failure,
		parts,
	);
	const { part: after } = outcome;
	if (after.state !== "pending")
		return { ...outcome, part: { ...after, ...called(platformId) } };
	// Sent again it is another message, and ever later: what was asked for did not help.
	const soonest = parts.now() + backoffMs(part.attempts);
	const dueAt = Math.max(after.dueAt ?? 0, soonest);
	return { ...outcome, part: { ...after, dueAt } };
}

function afterTry(
	part: OutboxPart,
	triedBefore: string | undefined,
	error: unknown,
	{ dialog, now }: Pick<SendingParts, "dialog" | "now">,
): Outcome {
	const { confirmationMs = 0 } = dialog;
	const after = afterFailure(part, triedBefore, error, now(), confirmationMs);
	const isShut = hasCode(error, "peer_rejected") && error.status === 403;
	const outcome = { part: after, closedMs: closingMs(error), isShut };
	const { attachment, text } = part.content;
	if (after.state !== "failed" || !attachment || text === "" || isShut)
		return outcome;
	const words = withoutFile(part, now());
	return { ...outcome, part: words, lostFile: after.reason ?? "" };
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
		part: part.part,
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
	if (signal.aborted) {
		// Nothing went out, so that the next start has nothing to wait for.
		const { triedAt: _, ...rest } = part;
		await save({ ...rest, ...(triedAt !== undefined && { triedAt }) });
		throw signal.reason;
	}
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
	confirmationMs: number,
): OutboxPart {
	const { platformId, dueAt, triedAt, ...rest } = part;
	const reason = describeError(error);
	// What was to be edited is gone: it is said anew.
	if (platformId !== undefined && isGone(error) && part.content.text !== "")
		return { ...rest, reason, attempts: part.attempts + 1, dueAt: now };
	const isTransient =
		hasCode(error, "peer_unavailable", "peer_silent") || isDisowned(error);
	// Each try may bring the same file once more.
	const isEnough =
		hasCode(error, "peer_silent") &&
		part.content.attachment !== undefined &&
		part.attempts + 1 >= MAX_FILE_TRIES;
	if (!isTransient || isEnough)
		return { ...rest, ...called(platformId), state: "failed", reason };
	const isOld = now - part.createdAt > MAX_AGE_MS;
	// A clock that was put right has made many a message old that was not tried for long.
	if (isOld && part.attempts >= MIN_TRIES)
		return {
			...rest,
			...called(platformId),
			state: "failed",
			reason: `It could not be delivered for 24 hours: ${reason}`,
		};
	const asked = hasCode(error, "peer_unavailable") && error.retryAfterMs;
	const jitteredMs = backoffMs(part.attempts) * (0.75 + Math.random() / 2);
	const pauseMs = hasCode(error, "peer_silent")
		? Math.max(confirmationMs, jitteredMs)
		: asked || jitteredMs;
	// Where nothing was done, there is no more to be looked for than before.
	const uncertain = hasCode(error, "peer_silent") ? triedAt : triedBefore;
	return {
		...rest,
		...called(platformId),
		...(uncertain !== undefined && { triedAt: uncertain }),
		reason,
		attempts: part.attempts + 1,
		dueAt: now + pauseMs,
	};
}

/** The words of a part whose file cannot be sent. */
function withoutFile(part: OutboxPart, now: number): OutboxPart {
	const { triedAt, ...rest } = part;
	const { attachment, ...content } = part.content;
	return { ...rest, content, state: "pending", attempts: 0, dueAt: now };
}

/** True where the platform does not know Aeon, as while a token is being changed. */
function isDisowned(error: unknown): boolean {
	return hasCode(error, "peer_rejected") && error.status === 401;
}

function backoffMs(attempts: number): number {
	return Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** attempts);
}

function called(platformId: string | undefined) {
	return platformId === undefined ? {} : { platformId };
}

function isGone(error: unknown): boolean {
	return hasCode(error, "peer_rejected") && error.status === 400;
}
