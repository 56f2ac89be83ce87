// Writing to a store that may fail: what it does not take is kept, and tried again.

import { hasCode } from "../core/errors.ts";
import type { Reopening } from "./reopening.ts";
import type { SessionStore } from "./store.ts";
import { Unsaved } from "./unsaved.ts";
import { perform, type Write } from "./writes.ts";

const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;

/** For so long a write waits to learn whether trying again has helped. */
const HOPE_MS = 250;

/** For so long the last try may take. */
const CLOSING_MS = 2_000;

/** Of so many sessions that fail one after the other it is the store that fails, not the sessions. */
const ENOUGH_FAILURES = 2;

/** The writes to one store. Those of a session are done one after the other. */
export class Writing {
	/** What the store has not taken. */
	readonly unsaved = new Unsaved();
	readonly #reopening: Reopening;
	readonly #changed: () => void;
	/** By session, the end of the last write. */
	readonly #ends = new Map<string, Promise<void>>();
	#passing: Promise<void> | undefined;
	#passedAt = Number.NEGATIVE_INFINITY;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#pauseMs = MIN_PAUSE_MS;
	#error: unknown;
	#isFailing = false;
	#isClosed = false;

	/** `changed` is called when the problem may be another one, or something was given up. */
	constructor(reopening: Reopening, changed: () => void) {
		this.#reopening = reopening;
		this.#changed = changed;
	}

	/** Why something is kept; undefined where all is written. */
	get problem(): unknown {
		if (this.#reopening.problem) return this.#reopening.problem;
		return this.unsaved.isEmpty ? undefined : this.#error;
	}

	/** Does a write, or keeps it where the store does not take it. */
	put(write: Write): Promise<void> {
		return this.#inOrder(write.sessionKey, async () => {
			const isBehind = this.#isFailing || this.unsaved.has(write.sessionKey);
			if (isBehind && !this.#isClosed) {
				await this.#keep(write);
				await this.#trySoon();
				return;
			}
			try {
				await this.#perform(write);
			} catch (error) {
				if (this.#isClosed || !hasCode(error, "storage_failed")) throw error;
				this.#isFailing = true;
				this.#error = error;
				await this.#keep(write);
				this.watch();
			}
		});
	}

	/** Does what cannot be kept, after all that was given before for the session. Throws where that cannot be written. */
	afterAll<T>(
		sessionKey: string,
		work: (store: SessionStore) => Promise<T>,
	): Promise<T> {
		return this.#inOrder(sessionKey, async () => {
			await this.#passing;
			if (this.unsaved.has(sessionKey)) await this.#retry();
			if (this.unsaved.has(sessionKey)) throw this.problem;
			return this.#reopening.run(work);
		});
	}

	/** Has another try made where something is amiss; to be called when it may have become so. */
	watch(): void {
		if (this.problem && !this.#timer && !this.#passing)
			this.#schedule(MIN_PAUSE_MS);
		this.#changed();
	}

	/** Tries once more to write what is kept, for two seconds at most, and closes the store. */
	async close(): Promise<void> {
		if (this.#isClosed) return;
		const last = this.#finish();
		await atMost(CLOSING_MS, last);
		this.#isClosed = true;
		clearTimeout(this.#timer);
		try {
			await this.#reopening.close();
		} catch (error) {
			// It is closed all the same, and nothing of it lost: a full disk has no room for putting its log away.
			if (!hasCode(error, "storage_failed")) throw error;
		}
		// What had hung has failed by now.
		await atMost(HOPE_MS, last);
		for (const write of this.unsaved.all()) this.unsaved.giveUp(write);
		this.#changed();
	}

	#perform(write: Write): Promise<void> {
		const idOf = (name: number) => this.unsaved.idOf(write.sessionKey, name);
		return this.#reopening.run((store) => perform(store, write, idOf));
	}

	async #finish(): Promise<void> {
		await Promise.all(this.#ends.values());
		await this.#passing;
		if (this.problem) await this.#retry();
	}

	#inOrder<T>(sessionKey: string, work: () => Promise<T>): Promise<T> {
		const before = this.#ends.get(sessionKey) ?? Promise.resolve();
		const result = before.then(work);
		const end = result.then(
			() => {},
			() => {},
		);
		this.#ends.set(sessionKey, end);
		void end.then(() => {
			if (this.#ends.get(sessionKey) === end) this.#ends.delete(sessionKey);
		});
		return result;
	}

	async #keep(write: Write): Promise<void> {
		const { sessionKey } = write;
		if (write.kind === "accept") {
			write.runId = this.unsaved.findAccepted(write.waiting)?.waiting.runId;
			if (write.runId !== undefined) return;
		}
		this.unsaved.keep(
			write,
			write.kind === "save" && !this.unsaved.has(sessionKey)
				? await this.#findLast(sessionKey)
				: undefined,
		);
	}

	/** A full or locked store can often still be read. */
	async #findLast(sessionKey: string): Promise<number | undefined> {
		try {
			const read = (store: SessionStore) => store.getHistory(sessionKey, 1);
			return (await this.#reopening.run(read)).at(-1)?.id ?? 0;
		} catch (error) {
			if (hasCode(error, "storage_failed")) return undefined;
			throw error;
		}
	}

	async #trySoon(): Promise<void> {
		const rest = this.#passedAt + MIN_PAUSE_MS - performance.now();
		if (rest <= 0 || this.#passing) await atMost(HOPE_MS, this.#retry());
		else this.#schedule(rest);
	}

	/** One try at a time. */
	#retry(): Promise<void> {
		this.#passing ??= this.#pass().finally(() => {
			this.#passing = undefined;
		});
		return this.#passing;
	}

	async #pass(): Promise<void> {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		await this.#reopening.reopen();
		let [written, failed] = [0, 0];
		for (const sessionKey of this.unsaved.sessions()) {
			if (this.#reopening.problem || failed === ENOUGH_FAILURES) break;
			if (await this.#drain(sessionKey)) written++;
			else {
				failed++;
				this.unsaved.postpone(sessionKey);
			}
		}
		this.#passedAt = performance.now();
		this.#isFailing = Boolean(this.problem) && written === 0;
		if (this.problem) {
			this.#schedule(this.#pauseMs);
			this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
		} else this.#pauseMs = MIN_PAUSE_MS;
		this.#changed();
	}

	/** Writes what a session has kept. False where the store fails. */
	async #drain(sessionKey: string): Promise<boolean> {
		for (const write of this.unsaved.writes(sessionKey)) {
			const name = write.kind === "save" ? write.stored?.id : undefined;
			try {
				await this.#perform(write);
				this.unsaved.settle(write, name);
			} catch (error) {
				if (hasCode(error, "storage_failed")) {
					this.#error = error;
					return false;
				}
				this.unsaved.giveUp(write);
			}
		}
		return true;
	}

	#schedule(pauseMs: number): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
		if (this.#isClosed) return;
		this.#timer = setTimeout(() => {
			this.#timer = undefined;
			void this.#retry();
		}, pauseMs);
		this.#timer.unref();
	}
}

/** Waits for work that does not throw, but no longer than that. */
async function atMost(limitMs: number, work: Promise<void>): Promise<void> {
	let timer: ReturnType<typeof setTimeout> | undefined;
	const limit = new Promise<void>((resolve) => {
		timer = setTimeout(resolve, limitMs);
	});
	await Promise.race([work, limit]);
	clearTimeout(timer);
}
