// How a connection to a platform is kept for ever: what failed is told, waited for and tried again.

import type { Clock } from "../../core/clock.ts";
import type { DialogState } from "../../core/delivery.ts";
import { describeError, hasCode } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";

/** What a connection is kept with. */
export interface RecoveryOptions {
	clock: Clock;
	logger: Logger;
	/** Is told of changes only. */
	report(state: DialogState): void;
	/** From 0 to 1. */
	random?: () => number;
}

/** What a failure means, where it is more than one to be tried again soon. */
export interface Verdict {
	/** Somebody has to put it right: it is tried again all the same, but seldom. */
	isStopped?: boolean;
	/** In a sentence for a person; what the error says where there is none. */
	problem?: string;
	/** Where waiting begins. */
	firstDelayMs?: number;
}

/** What is a platform's own in it. */
export interface RecoveryRules {
	/** Its events are logged as `<dialog>.running` and so on. */
	dialog: string;
	judge(error: unknown): Verdict;
}

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;

/** A token that was taken back may be given again. */
const STOPPED_DELAY_MS = 5 * 60_000;

/** What goes on failing is logged no more often. */
const LOG_PAUSE_MS = 60_000;

/** The state of a connection, and its patience. */
export class Recovery {
	/** When it is tried again, after a failure; by the clock. */
	dueAt = 0;
	readonly #options: RecoveryOptions;
	readonly #rules: RecoveryRules;
	#state: DialogState = { state: "stopped" };
	#failures = 0;
	#loggedAt = Number.NEGATIVE_INFINITY;
	#lastLogged = "";

	constructor(options: RecoveryOptions, rules: RecoveryRules) {
		this.#options = options;
		this.#rules = rules;
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
		const { clock } = this.#options;
		const verdict = this.#rules.judge(error);
		const { isStopped = false, problem = describeError(error) } = verdict;
		const said = describeError(error);
		this.#tell({ state: isStopped ? "stopped" : "retrying", problem }, said);
		const wanted = hasCode(error, "peer_unavailable") && error.retryAfterMs;
		const delayMs = isStopped
			? wanted || STOPPED_DELAY_MS
			: this.#delayAfter(wanted || 0, verdict.firstDelayMs);
		this.dueAt = clock.now() + delayMs;
		await clock.sleep(delayMs, signal);
	}

	#delayAfter(wantedMs: number, first = FIRST_DELAY_MS): number {
		const { random = Math.random } = this.#options;
		const full = Math.min(MAX_DELAY_MS, first * 2 ** this.#failures);
		this.#failures = Math.min(this.#failures + 1, 10);
		const jittered = Math.max(first, full * (0.75 + random() / 4));
		return Math.max(jittered, wantedMs);
	}

	#tell(next: DialogState, said?: string): void {
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
		const event = `${this.#rules.dialog}.${next.state}`;
		if (problem === undefined) logger.info(event);
		else {
			this.#loggedAt = clock.now();
			logger.warn(event, { problem, ...(said !== problem && { said }) });
		}
	}
}
