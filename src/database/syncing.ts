// When what was committed is put on the disk.

/** What is committed is on the disk so many milliseconds later, waited for or not. */
const SOON_MS = 1_000;

/**
 * Syncs a database's log behind its commits, without holding anything up. SQLite itself would do that only before it empties
 * the log (`synchronous = NORMAL`; "Write-Ahead Logging", section 3): a power cut would take the last half minute along.
 * Commits that come together share one sync.
 */
export class Syncing {
	readonly #sync: () => Promise<void>;
	readonly #soonMs: number;
	#running: Promise<void> = Promise.resolve();
	#next: Promise<void> | undefined;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#failure: { error: unknown } | undefined;

	/** `sync` puts all on the disk that was written before it was called; `soonMs` is how long what is not waited for waits. */
	constructor(sync: () => Promise<void>, soonMs = SOON_MS) {
		this.#sync = sync;
		this.#soonMs = soonMs;
	}

	/** All that is committed by now is on the disk once this has resolved. Throws what a sync nobody waited for has thrown, too. */
	async now(): Promise<void> {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		// One that runs may have begun before the last commit.
		this.#next ??= this.#begin();
		await this.#next;
		if (!this.#failure) return;
		const { error } = this.#failure;
		this.#failure = undefined;
		throw error;
	}

	/** The same, a little later and with nobody waiting. */
	soon(): void {
		if (this.#timer || this.#next) return;
		this.#timer = setTimeout(() => {
			this.now().catch((error: unknown) => {
				this.#failure = { error };
			});
		}, this.#soonMs).unref();
	}

	/** Nothing is to be synced any more. */
	close(): void {
		clearTimeout(this.#timer);
	}

	async #begin(): Promise<void> {
		await this.#running.catch(() => {});
		this.#next = undefined;
		this.#running = this.#sync();
		await this.#running;
	}
}
