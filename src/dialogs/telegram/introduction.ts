// What Aeon and Telegram tell each other once: the bot's name, and the commands of its menu.

import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import { COMMANDS } from "../commands.ts";
import type { BotClient } from "./client.ts";
import type { Memory } from "./memory.ts";

/** What waits for the bot's name waits no longer: it matters in groups only. */
const MAX_WAIT_MS = 5_000;

/** Between two tries: doubled each time, up to a limit. */
const MIN_PAUSE_MS = 60_000;
const MAX_PAUSE_MS = 60 * 60_000;

/** What an introduction is made with. */
export interface IntroductionParts {
	client: BotClient;
	memory: Memory;
	clock: Clock;
	logger: Logger;
}

/** Is made once Telegram can be reached, again and again until it has worked; nothing depends on it for long. */
export class Introduction {
	/** Resolves when the bot's name is known, or need not be waited for any longer. */
	readonly made: Promise<void>;
	readonly #parts: IntroductionParts;
	readonly #end = new AbortController();
	#release: () => void;
	#isMade = false;

	constructor(parts: IntroductionParts) {
		const { promise, resolve } = Promise.withResolvers<void>();
		this.made = promise;
		this.#release = resolve;
		this.#parts = parts;
		if (parts.memory.username() !== undefined) resolve();
	}

	/** Begins it, where that was not done before. */
	make(): void {
		if (this.#isMade) return;
		this.#isMade = true;
		const { clock } = this.#parts;
		const { signal } = this.#end;
		clock
			.sleep(MAX_WAIT_MS, signal)
			.catch(() => {})
			.finally(this.#release);
		void this.#insist(() => this.#learnName());
		void this.#insist(() => this.#offerCommands());
	}

	/** Gives it up. */
	stop(): void {
		this.#release();
		this.#end.abort();
	}

	async #learnName(): Promise<void> {
		const { client, memory } = this.#parts;
		const { signal } = this.#end;
		const { username } = await client.ask("getMe", {} as never, { signal });
		if (username) await memory.rememberUsername(username);
		this.#release();
	}

	async #offerCommands(): Promise<void> {
		const { signal } = this.#end;
		await this.#parts.client.ask(
			"setMyCommands",
			{ commands: COMMANDS },
			{ signal },
		);
	}

	async #insist(work: () => Promise<void>): Promise<void> {
		const { clock, logger } = this.#parts;
		const { signal } = this.#end;
		let pauseMs = MIN_PAUSE_MS;
		while (!signal.aborted)
			try {
				return await work();
			} catch (error) {
				if (signal.aborted) return;
				logger.warn("telegram.introduction", { error });
				await clock.sleep(pauseMs, signal).catch(() => {});
				pauseMs = Math.min(MAX_PAUSE_MS, 2 * pauseMs);
			}
	}
}
