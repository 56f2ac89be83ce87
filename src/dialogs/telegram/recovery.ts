// How a connection to Telegram is kept for ever: what failed is told, waited for and tried again.

import type { Clock } from "../../core/clock.ts";
import type { DialogState } from "../../core/delivery.ts";
import { describeError, hasCode } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";

/** What a way in is made with, polling or webhook. */
export interface RecoveryOptions {
	clock: Clock;
	logger: Logger;
	/** Is told of changes only. */
	report(state: DialogState): void;
	/** From 0 to 1. */
	random?: () => number;
}

const FIRST_DELAY_MS = 1_000;
const FIRST_CONFLICT_DELAY_MS = 5_000;
const MAX_DELAY_MS = 60_000;

/** A token that was taken back may be given again. */
const TOKEN_DELAY_MS = 5 * 60_000;

/** What goes on failing is logged no more often. */
const LOG_PAUSE_MS = 60_000;

/** The state of a way in, and its patience. */
export class Recovery {
	readonly #options: RecoveryOptions;
	#state: DialogState = { state: "stopped" };
	#failures = 0;
	#loggedAt = Number.NEGATIVE_INFINITY;
	#lastLogged = "";

	constructor(options: RecoveryOptions) {
		this.#options = options;
	}

	/** It begins. */
	start(): void {
		this.#failures = 0;
		this.#tell({ state: "starting" });
	}

	/** It works. */
	succeed(): void {
		this.#failures = 0;
		this.#tell({ state: "running" });
	}

	/** It was ended. */
	end(): void {
		this.#tell({ state: "stopped" });
	}

	/** Tells what failed and waits until it is time to try again. Throws `signal.reason` once that is aborted. */
	async failed(error: unknown, signal: AbortSignal): Promise<void> {
		const isTokenRefused =
			hasCode(error, "peer_rejected") &&
			(error.status === 401 || error.status === 404);
		this.#tell({
			state: isTokenRefused ? "stopped" : "retrying",
			problem: isTokenRefused
				? `Telegram refuses the token: ${describeError(error)}`
				: isConflict(error)
					? "Telegram says that another program uses this token"
					: describeError(error),
		});
		const delayMs = isTokenRefused ? TOKEN_DELAY_MS : this.#delayAfter(error);
		await this.#options.clock.sleep(delayMs, signal);
	}

	#delayAfter(error: unknown): number {
		const { random = Math.random } = this.#options;
		const first = isConflict(error) ? FIRST_CONFLICT_DELAY_MS : FIRST_DELAY_MS;
		const full = Math.min(MAX_DELAY_MS, first * 2 ** this.#failures);
		this.#failures = Math.min(this.#failures + 1, 10);
		const jittered = Math.max(first, full * (0.75 + random() / 4));
		const wanted = hasCode(error, "peer_unavailable") && error.retryAfterMs;
		return Math.max(jittered, wanted || 0);
	}

	#tell(next: DialogState): void {
		const { report, logger, clock } = this.#options;
		const isNew =
			next.state !== this.#state.state || next.problem !== this.#state.problem;
		this.#state = next;
		if (isNew) report(next);
		const { problem } = next;
		const isDue =
			problem === undefined
				? next.state !== this.#lastLogged
				: (next.state === "stopped" && this.#lastLogged !== "stopped") ||
					clock.now() - this.#loggedAt >= LOG_PAUSE_MS;
		if (!isDue) return;
		this.#lastLogged = next.state;
		if (problem === undefined) logger.info(`telegram.${next.state}`);
		else {
			this.#loggedAt = clock.now();
			logger.warn(`telegram.${next.state}`, { problem });
		}
	}
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
