// What the Bot API says no with, as AeonErrors.

import { AeonError, hasCode } from "../../core/errors.ts";
import type { Peer } from "../peer/failure.ts";

/** Telegram, as sentences about it have it. */
export const TELEGRAM: Peer = { name: "Telegram", api: "Bot API" };

/** An answer of the Bot API that says no (https://core.telegram.org/bots/api#making-requests). */
export interface Refusal {
	error_code: number;
	description: string;
	parameters?: { retry_after?: number; migrate_to_chat_id?: number };
}

/** Where Telegram says too little about how long to wait. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;

const NOT_MODIFIED = /message is not modified/i;

/** Why `getFile` gives no file. */
const TOO_BIG = /file is too big/i;
const GONE = /(wrong|invalid) file_id|file is temporarily unavailable/i;

const migrations = new WeakMap<AeonError, number>();

/** The group's new id, where a call failed because the group has become a supergroup. */
export function migratedTo(error: unknown): number | undefined {
	return error instanceof AeonError ? migrations.get(error) : undefined;
}

/** True of a refusal that means: it is as it should be already. */
export function isUnchanged({ error_code, description }: Refusal): boolean {
	return error_code === 400 && NOT_MODIFIED.test(description);
}

/** The Bot API said no. */
export function refused(refusal: Refusal): AeonError {
	const { error_code: status, description, parameters = {} } = refusal;
	const message = `Telegram said ${status}: ${description}`;
	if (status === 429) {
		const seconds = parameters.retry_after ?? DEFAULT_RETRY_AFTER_SECONDS;
		const retryAfterMs = seconds * 1_000;
		return new AeonError("peer_unavailable", message, { status, retryAfterMs });
	}
	if (status >= 500)
		return new AeonError("peer_unavailable", message, { status });
	const error = new AeonError("peer_rejected", message, {
		status,
		hint:
			status === 401
				? "Check dialogs.telegram.bot_token: @BotFather shows the right one."
				: undefined,
	});
	if (parameters.migrate_to_chat_id !== undefined)
		migrations.set(error, parameters.migrate_to_chat_id);
	return error;
}

/** Why a file is not to be had, where Telegram says that in words of its own; any other error is what it was. */
export function fileFailure(error: unknown): unknown {
	if (!hasCode(error, "peer_rejected")) return error;
	const { message, status } = error;
	const options = { status, cause: error };
	if (TOO_BIG.test(message))
		return new AeonError("too_large", "it is larger than 20 MB", options);
	return GONE.test(message)
		? new AeonError(
				"peer_rejected",
				"Telegram does not have it any more",
				options,
			)
		: error;
}
