// Somebody's telephone with Telegram on it.

import type { FakeTelegram } from "../../test/support/fake_telegram.ts";

const LOOK_MS = 100;

/** One person's chat with the bot. */
export class Phone {
	#telegram: FakeTelegram;
	#owner = 777;
	#seen = 0;

	constructor(telegram: FakeTelegram) {
		this.#telegram = telegram;
	}

	/** Writes to the bot. */
	say(text: string): void {
		this.#telegram.say(this.#owner, text);
	}

	/** Waits for a message of the bot's that was not seen yet, the last one, with this in it. Throws where it does not come. */
	async hears(text: string, timeoutMs: number): Promise<void> {
		for (const end = Date.now() + timeoutMs; ; await Bun.sleep(LOOK_MS)) {
			const messages = this.#telegram.visible(this.#owner);
			const last = messages.at(-1)?.text ?? "";
			if (messages.length > this.#seen && last.includes(text)) {
				this.#seen = messages.length;
				return;
			}
			if (Date.now() > end)
				throw new Error(`The bot did not say "${text}", but last "${last}".`);
		}
	}
}
