// A store that is opened again when it could not be, and put back from a backup when it is damaged.

import { AeonError, describeError, hasCode } from "../core/errors.ts";
import { isDamage } from "../database/failure.ts";
import type { SessionStore } from "./store.ts";

/** How a store is opened and put right. */
export interface StoreAccess {
	open(): Promise<SessionStore>;
	/** Puts a damaged store out of the way and gives what was done as a sentence, as `StoreDriver.recover` does. */
	recover?(timestamp: number): Promise<string>;
	/** Milliseconds since 1970. */
	now(): number;
}

/** A disk that damages the next database as well is not given one after the other. */
const RECOVERY_PAUSE_MS = 60_000;

/** One store, from the first try to open it to its closing. Whoever asks for it waits while it is opened or put right. */
export class Reopening {
	readonly #access: StoreAccess;
	readonly #recovered: (sentence: string) => void;
	#store: SessionStore | undefined;
	#opening: Promise<void>;
	#isOpening = true;
	#problem: AeonError | undefined;
	#recoveredAt = Number.NEGATIVE_INFINITY;
	#isClosed = false;

	constructor(access: StoreAccess, recovered: (sentence: string) => void) {
		this.#access = access;
		this.#recovered = recovered;
		this.#opening = this.#open();
	}

	/** Why it is not open; undefined while it is. */
	get problem(): AeonError | undefined {
		return this.#store ? undefined : this.#problem;
	}

	/** The open store. Throws why there is none. */
	async store(): Promise<SessionStore> {
		await this.#opening;
		if (this.#store) return this.#store;
		throw (
			this.#problem ?? new AeonError("storage_failed", "The store is closed")
		);
	}

	/** Does the work, and once more where the store was damaged and has been put right. */
	async run<T>(work: (store: SessionStore) => Promise<T>): Promise<T> {
		const store = await this.store();
		try {
			return await work(store);
		} catch (error) {
			if (!(await this.heal(store, error))) throw error;
		}
		return work(await this.store());
	}

	/** Tries to open it where it is not open. Does not throw. */
	async reopen(): Promise<void> {
		await this.#opening;
		if (!this.#store && !this.#isOpening && !this.#isClosed)
			this.#begin(() => this.#open());
		await this.#opening;
	}

	/**
	 * Puts a store right that failed with this error. False where that does not help: it is not damaged. True also where
	 * another one has taken its place already, for what was asked of it meanwhile has failed for that reason.
	 */
	async heal(store: SessionStore, error: unknown): Promise<boolean> {
		if (this.#isClosed || !hasCode(error, "storage_failed")) return false;
		if (this.#store === store) {
			if (!isDamage(error)) return false;
			this.#store = undefined;
			this.#begin(async () => {
				// Closing what is damaged may fail, too; its files are free afterwards.
				await store.close().catch(() => {});
				await this.#open(error);
			});
		}
		await this.#opening;
		return true;
	}

	async close(): Promise<void> {
		this.#isClosed = true;
		await this.#store?.close();
	}

	#begin(work: () => Promise<void>): void {
		this.#isOpening = true;
		this.#opening = work();
	}

	async #open(damage?: unknown): Promise<void> {
		try {
			const store = await this.#openWhole(damage);
			if (this.#isClosed) await store.close();
			else this.#store = store;
			this.#problem = undefined;
		} catch (error) {
			this.#problem = hasCode(error, "storage_failed")
				? error
				: new AeonError("storage_failed", describeError(error), {
						cause: error,
					});
		} finally {
			this.#isOpening = false;
		}
	}

	async #openWhole(damage?: unknown): Promise<SessionStore> {
		const { open, recover, now } = this.#access;
		if (damage === undefined)
			try {
				return await open();
			} catch (error) {
				if (!isDamage(error)) throw error;
				damage = error;
			}
		if (!recover || now() - this.#recoveredAt < RECOVERY_PAUSE_MS) throw damage;
		const sentence = await recover(now());
		this.#recoveredAt = now();
		this.#recovered(sentence);
		return open();
	}
}

/** For a read that can do without a store that fails; anything else is thrown. */
export function asNothing(error: unknown): undefined {
	if (!hasCode(error, "storage_failed")) throw error;
}
