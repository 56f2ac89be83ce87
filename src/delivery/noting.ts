// What an outbox is writing down of its tries when Aeon ends.

import { orAborted } from "../core/abort.ts";

/** So long a disk is waited for when there is no time left. */
const GRACE_MS = 500;

/** What is being written down, so that its end can be waited for. */
export class Noting {
	readonly #open = new Set<Promise<void>>();

	/** Gives the same writing, which is waited for from now on. */
	add(writing: Promise<void>): Promise<void> {
		const noted = writing.finally(() => this.#open.delete(noted));
		this.#open.add(noted);
		return noted;
	}

	/** Resolves once nothing is being written down, nor what follows from that at once; a disk that hangs holds nobody up. */
	async over(hurry: AbortSignal): Promise<void> {
		await orAborted(this.#settled(), hurry, GRACE_MS).catch(() => {});
	}

	async #settled(): Promise<void> {
		while (this.#open.size > 0) await Promise.allSettled(this.#open);
	}
}
