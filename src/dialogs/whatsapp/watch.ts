// How the connection to WhatsApp is: nothing is open between messages, so it is known by what fails, and by asking until that is over.

import { AeonError, hasCode } from "../../core/errors.ts";
import { Recovery, type RecoveryOptions } from "../peer/recovery.ts";
import type { GraphClient } from "./client.ts";
import {
	accountProblem,
	codeOf,
	isBlock,
	isDisowned,
	isForbidden,
	kindOf,
	postponed,
} from "./failure.ts";

/** What watching needs. */
export interface WatchOptions extends RecoveryOptions {
	/** What is asked whether it works. */
	client: Pick<GraphClient, "probe">;
}

/** What goes out while it is asked whether it works again waits at least so long. */
const MIN_WAIT_MS = 1_000;

/** Waiting for what failed, and asking whether it works. */
interface Trying {
	stop: AbortController;
	over: Promise<void>;
	/** What it waits for. */
	cause: unknown;
	/** That came of a sending, and not of the probe. */
	isOfSending: boolean;
}

/**
 * Watches a business number: `running` once the probe works, and until somebody notices what concerns the whole number;
 * then it is probed until it works again. While all is well nothing is asked.
 */
export class Watch {
	readonly #options: WatchOptions;
	readonly #recovery: Recovery;
	#isStarted = false;
	#trying: Trying | undefined;
	/** Nothing can be sent, for as long as this is not over. */
	#block: AeonError | undefined;

	constructor(options: WatchOptions) {
		this.#options = options;
		this.#recovery = new Recovery(options, {
			dialog: "whatsapp",
			judge(error) {
				const problem = accountProblem(error);
				return { isStopped: isBlock(error), ...(problem && { problem }) };
			},
		});
	}

	/** Begins; does nothing where it has begun. */
	start(): void {
		if (this.#isStarted) return;
		this.#isStarted = true;
		this.#recovery.start();
		this.#try(undefined);
	}

	/** Ends at once, whatever hangs. */
	async stop(): Promise<void> {
		if (!this.#isStarted) return;
		this.#isStarted = false;
		this.#block = undefined;
		const trying = this.#trying;
		this.#trying = undefined;
		trying?.stop.abort(new AeonError("cancelled", "watching was stopped"));
		await trying?.over;
		if (!this.#isStarted) this.#recovery.end();
	}

	/** Takes in what failed, wherever it did: what is about one message or one chat is passed over. */
	noticed(error: unknown): void {
		const isNamed = accountProblem(error) !== undefined;
		if (!this.#isStarted || !(isNamed || isUnreachable(error))) return;
		if (this.#trying) {
			if (!isNamed) return;
			if (isSame(error, this.#trying.cause)) {
				this.#block ??= blockOf(error, true);
				return;
			}
			if (this.#block && this.#recovery.dueAt >= this.#endOf(error)) return;
			this.#trying.stop.abort();
		}
		this.#try(error);
	}

	/** A client that sends nothing while that would be in vain, and whose failures are noticed. */
	watched(client: GraphClient): GraphClient {
		const noticing = async <T>(ask: () => Promise<T>): Promise<T> => {
			this.#admit();
			try {
				return await ask();
			} catch (error) {
				this.noticed(error);
				throw error;
			}
		};
		return {
			send: (...message) =>
				noticing(async () => {
					const id = await client.send(...message);
					this.#worked();
					return id;
				}),
			markRead: (...read) => noticing(() => client.markRead(...read)),
			upload: (...file) => noticing(() => client.upload(...file)),
			probe: (signal) => client.probe(signal),
			download: (...file) => this.#downloading(client, file),
		};
	}

	/** A host of files that cannot be reached says nothing of Graph's. */
	async *#downloading(
		client: GraphClient,
		file: Parameters<GraphClient["download"]>,
	): AsyncGenerator<Uint8Array> {
		try {
			yield* client.download(...file);
		} catch (error) {
			if (accountProblem(error) !== undefined) this.noticed(error);
			throw error;
		}
	}

	#admit(): void {
		if (!this.#block) return;
		const leftMs = this.#recovery.dueAt - this.#options.clock.now();
		throw postponed(this.#block, Math.max(leftMs, MIN_WAIT_MS));
	}

	/** Something was sent, so that whatever was waited for is over. */
	#worked(): void {
		if (!this.#trying) return;
		this.#trying.stop.abort();
		this.#trying = undefined;
		this.#block = undefined;
		this.#recovery.succeed();
	}

	#try(cause: unknown): void {
		const stop = new AbortController();
		const over = Promise.resolve();
		const isOfSending = cause !== undefined;
		const trying: Trying = { stop, cause, isOfSending, over };
		this.#trying = trying;
		trying.over = this.#run(trying).finally(() => {
			if (this.#trying === trying) this.#trying = undefined;
		});
	}

	async #run(trying: Trying): Promise<void> {
		const { signal } = trying.stop;
		while (!signal.aborted) {
			try {
				const { cause, isOfSending } = trying;
				this.#block = blockOf(cause, isOfSending);
				if (cause !== undefined) await this.#recovery.failed(cause, signal);
				await this.#options.client.probe(signal);
				if (signal.aborted) return;
				this.#block = undefined;
				return this.#recovery.succeed();
			} catch (error) {
				// A token that may send need not be allowed to look.
				if (isForbidden(error) && !trying.isOfSending && !signal.aborted)
					return this.#recovery.succeed();
				trying.cause = error;
				trying.isOfSending = false;
			}
		}
	}

	/** When an error is over, by what it says. */
	#endOf(error: unknown): number {
		const pauseMs = error instanceof AeonError ? error.retryAfterMs : undefined;
		return this.#options.clock.now() + (pauseMs ?? 0);
	}
}

/**
 * What keeps everything from being sent. A token that may send need not be allowed to look at the number's own entry, which
 * is what the probe does: there only counts that nobody knows the token.
 */
function blockOf(cause: unknown, isOfSending: boolean): AeonError | undefined {
	const isMeant =
		cause instanceof AeonError &&
		isBlock(cause) &&
		(isOfSending || isDisowned(cause));
	return isMeant ? cause : undefined;
}

/** True of what Graph did not say itself: there was nobody to say anything. */
function isUnreachable(error: unknown): boolean {
	return (
		hasCode(error, "peer_unavailable", "peer_silent") &&
		kindOf(error) === undefined
	);
}

function isSame(error: unknown, cause: unknown): boolean {
	return (
		kindOf(error) === kindOf(cause) &&
		(codeOf(error) ?? "") === (codeOf(cause) ?? "")
	);
}
