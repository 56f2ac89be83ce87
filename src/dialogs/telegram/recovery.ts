// What Telegram's failures mean to a way in, polling or webhook.

import { describeError, hasCode } from "../../core/errors.ts";
import {
	Recovery,
	type RecoveryOptions,
	type Verdict,
} from "../peer/recovery.ts";

const FIRST_CONFLICT_DELAY_MS = 5_000;

/** The state of a way in, and its patience. */
export function openRecovery(options: RecoveryOptions): Recovery {
	return new Recovery(options, { dialog: "telegram", judge });
}

function judge(error: unknown): Verdict {
	const isTokenRefused =
		hasCode(error, "peer_rejected") &&
		(error.status === 401 || error.status === 404);
	if (isTokenRefused)
		return {
			isStopped: true,
			problem: `Telegram refuses the token: ${describeError(error)}`,
		};
	if (isConflict(error))
		return {
			problem: "Telegram says that another program uses this token",
			firstDelayMs: FIRST_CONFLICT_DELAY_MS,
		};
	return {};
}

/** True where somebody else asks with the same token; not of a webhook, which can be taken away. */
export function isConflict(error: unknown): boolean {
	return isStatus409(error) && !isWebhookActive(error);
}

/** True where Telegram does not answer getUpdates because it posts to a webhook. */
export function isWebhookActive(error: unknown): boolean {
	return isStatus409(error) && /webhook/i.test(describeError(error));
}

function isStatus409(error: unknown): boolean {
	return hasCode(error, "peer_rejected") && error.status === 409;
}
