import type { OutboxPart } from "../core/delivery.ts";
import { nameOf } from "./part.ts";

/** What waits after a failure. Times are milliseconds since 1970. */
export interface Delay {
	/** How many messages wait so. */
	parts: number;
	/** Since when the first of them does, and why its last try failed. */
	since: number;
	reason: string;
}

/** Remembers what failed and is tried again. */
export class Delays {
	readonly #delayed = new Map<string, Omit<Delay, "parts">>();

	/** A part was tried: it waits where it is pending still. */
	note(part: OutboxPart, now: number): void {
		const name = nameOf(part);
		const { since = now } = this.#delayed.get(name) ?? {};
		const { state, reason = "" } = part;
		if (state === "pending") this.#delayed.set(name, { since, reason });
		else this.#delayed.delete(name);
	}

	/** What waits, where something does. */
	get delay(): Delay | undefined {
		const [first] = this.#delayed.values();
		return first && { parts: this.#delayed.size, ...first };
	}
}
