/** How many sessions are remembered to have been told; beyond, the oldest may be told again. */
const MAX_SESSIONS = 1_000;

/** What Aeon has to tell everybody: each session hears each sentence once, for as long as it is true. */
export class Announcements {
	readonly #current: () => readonly string[];
	readonly #told = new Map<string, readonly string[]>();

	/** `current` gives the sentences that are true now. */
	constructor(current: () => readonly string[]) {
		this.#current = current;
	}

	/** What a session has not been told yet. */
	take(sessionKey: string): string[] {
		const sentences = this.#current();
		const told = this.#told.get(sessionKey) ?? [];
		this.#told.delete(sessionKey);
		if (sentences.length > 0) this.#told.set(sessionKey, sentences);
		const [oldest] = this.#told.keys();
		if (oldest !== undefined && this.#told.size > MAX_SESSIONS)
			this.#told.delete(oldest);
		return sentences.filter((sentence) => !told.includes(sentence));
	}
}
