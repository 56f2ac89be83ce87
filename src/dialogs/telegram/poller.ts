// Asks Telegram for updates, one question at a time, for ever.

import type { Update } from "grammy/types";
import { AeonError, describeError } from "../../core/errors.ts";
import { tooLate } from "../peer/failure.ts";
import type { Recovery, RecoveryOptions } from "../peer/recovery.ts";
import { settle } from "../settle.ts";
import type { BotClient, Parameters, Result } from "./client.ts";
import { TELEGRAM } from "./failure.ts";
import { isConflict, isWebhookActive, openRecovery } from "./recovery.ts";

/** The kinds of updates that the dialog reads. */
export const ALLOWED_UPDATES = [
	"message",
	"edited_message",
	"channel_post",
	"callback_query",
] as const;

/** What polling needs. */
export interface PollerOptions extends RecoveryOptions {
	client: BotClient;
	/** Keeps an update; Telegram is told to forget it only once this has resolved. */
	take(update: Update): Promise<void>;
}

const POLL_SECONDS = 30;

/** A question that is not answered so long after its time is given up, and another one asked. */
const STALL_MS = 15_000;

/** What of a stop may be spent on an update that is being kept. */
const STOP_MS = 2_500;

/**
 * Polling, supervised: it is alive while a getUpdates completes now and then, and whatever hangs or fails is given up and
 * asked again. Updates are taken one after the other, in order; one that cannot be kept is taken again.
 */
export class Poller {
	readonly #options: PollerOptions;
	readonly #recovery: Recovery;
	#running: AbortController | undefined;
	#taking: Promise<void> | undefined;
	#offset = 0;
	#hasWebhook = true;
	/** The next question is answered at once, so that the state is known. */
	#isHasty = true;

	constructor(options: PollerOptions) {
		this.#options = options;
		this.#recovery = openRecovery(options);
	}

	/** Begins; does nothing where it has begun. */
	start(): void {
		if (this.#running) return;
		const running = new AbortController();
		this.#running = running;
		this.#recovery.start();
		this.#hasWebhook = true;
		this.#isHasty = true;
		void this.#run(running.signal);
	}

	/** Ends it within three seconds, whatever hangs: no update is taken afterwards. */
	async stop(): Promise<void> {
		if (!this.#running) return;
		this.#running.abort(new AeonError("cancelled", "polling was stopped"));
		this.#running = undefined;
		await settle(this.#taking, this.#options.clock, STOP_MS);
		if (!this.#running) this.#recovery.end();
	}

	async #run(signal: AbortSignal): Promise<void> {
		while (!signal.aborted) {
			try {
				const updates = await this.#poll(signal);
				this.#recovery.succeed();
				this.#isHasty = false;
				for (const update of updates) {
					await this.#keep(update, signal);
					this.#offset = update.update_id + 1;
				}
			} catch (error) {
				if (signal.aborted) return;
				this.#hasWebhook ||= isWebhookActive(error);
				// Where another program polls too, a short question would succeed and the next long one fail again.
				this.#isHasty = !isConflict(error);
				await this.#recovery.failed(error, signal).catch(() => {});
			}
		}
	}

	async #poll(signal: AbortSignal): Promise<Update[]> {
		if (this.#hasWebhook) {
			const keepAll = { drop_pending_updates: false };
			await this.#ask("deleteWebhook", keepAll, 2 * STALL_MS, signal);
			this.#hasWebhook = false;
		}
		const timeout = this.#isHasty ? 0 : POLL_SECONDS;
		const parameters = {
			offset: this.#offset,
			timeout,
			allowed_updates: ALLOWED_UPDATES,
		};
		const limitMs = timeout * 1_000 + STALL_MS;
		return this.#ask("getUpdates", parameters, limitMs, signal);
	}

	/** Asks once. What is not answered in time is aborted, and whatever it might bring later is nobody's. */
	async #ask<Method extends "deleteWebhook" | "getUpdates">(
		method: Method,
		parameters: Parameters<Method>,
		limitMs: number,
		signal: AbortSignal,
	): Promise<Result<Method>> {
		const { client, clock } = this.#options;
		const attempt = new AbortController();
		const stop = () => attempt.abort(signal.reason);
		signal.addEventListener("abort", stop, { once: true });
		const late = clock.sleep(limitMs, attempt.signal).then(() => {
			throw tooLate(TELEGRAM, limitMs, true);
		});
		try {
			return await Promise.race([
				client.ask(method, parameters, {
					signal: attempt.signal,
					timeoutMs: limitMs + STALL_MS,
				}),
				late,
			]);
		} finally {
			signal.removeEventListener("abort", stop);
			attempt.abort(new AeonError("cancelled", "the question is over"));
		}
	}

	async #keep(update: Update, signal: AbortSignal): Promise<void> {
		for (;;) {
			try {
				await this.#takeOnce(update, signal);
				return this.#recovery.succeed();
			} catch (error) {
				signal.throwIfAborted();
				await this.#recovery.failed(notKept(error), signal);
			}
		}
	}

	/** Ends with the signal, even where the taking does not. */
	async #takeOnce(update: Update, signal: AbortSignal): Promise<void> {
		signal.throwIfAborted();
		const { promise, reject } = Promise.withResolvers<never>();
		const stop = () => reject(signal.reason);
		signal.addEventListener("abort", stop, { once: true });
		const taking = this.#options.take(update);
		this.#taking = taking.catch(() => {});
		try {
			await Promise.race([taking, promise]);
		} finally {
			signal.removeEventListener("abort", stop);
		}
	}
}

/** What it means to the person who waits that an update could not be kept. */
export function notKept(error: unknown): Error {
	return new Error(
		`What Telegram sent cannot be kept: ${describeError(error)}`,
		{ cause: error },
	);
}
