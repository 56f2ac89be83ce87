// Whoever hands messages in to be kept, and how they are handed on to their turns.

import { describeError } from "../core/errors.ts";
import type { TurnResult } from "../core/event.ts";
import { type InboundMessage, NO_USAGE } from "../core/message.ts";
import type { WaitingMessage } from "../storage/store.ts";
import type { AcceptedRequest, Completed, Origin } from "./request.ts";

/** How long after the first part of an album the others may come. */
const ALBUM_MS = 1_000;

/** Where an accepted message came from. */
export interface Sender extends Origin {
	/** What waits in a session is taken together into one turn, where one person said it. */
	joins?: boolean;
	/** Fetches what belongs to a message. */
	complete?(message: InboundMessage, signal: AbortSignal): Promise<Completed>;
	/** Makes sure that the person hears how the turn of these runs ended, and finishes their messages with that. */
	deliver?(result: TurnResult, runIds: readonly string[]): Promise<void>;
}

/** How the turn of a message ends that cannot begin. */
export function failed(
	{ runId, sessionKey }: WaitingMessage,
	error: unknown,
): TurnResult {
	return {
		runId,
		sessionKey,
		text: "",
		toolCalls: [],
		usage: NO_USAGE,
		stopReason: "cut",
		error: { code: "not_found", message: describeError(error) },
	};
}

/**
 * A message of a sender as its turn is asked for it; `joined`, of one that the process has found waiting, are runs that an
 * earlier turn has taken in with it.
 */
export function acceptedRequest(
	mail: WaitingMessage,
	{ joins, complete }: Sender,
	joined: string[] | undefined,
): AcceptedRequest {
	const { runId, dialog, sender, attempts, takenBy, files, album } = mail;
	return {
		runId,
		...(attempts && { attempts }),
		...(takenBy !== undefined && { isTaken: true }),
		...(joined && { joined, isResumed: true }),
		...(joins && { group: `${dialog} ${sender ?? ""}` }),
		...(album !== undefined && { wholeAt: performance.now() + ALBUM_MS }),
		...(files?.length &&
			complete && { complete: (signal) => complete(mail, signal) }),
	};
}
