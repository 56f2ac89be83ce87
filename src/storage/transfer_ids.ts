// Which message is which, between two stores that give them different ids.

import type { StoredMessage } from "./store.ts";

const FIRST_SIZE = 1024;

/** Ascending or any other numbers, eight bytes each: a session may have a million messages. */
export class Numbers {
	#values = new Float64Array(FIRST_SIZE);
	#length = 0;

	push(value: number): void {
		if (this.#length === this.#values.length) {
			const longer = new Float64Array(this.#length * 2);
			longer.set(this.#values);
			this.#values = longer;
		}
		this.#values[this.#length++] = value;
	}

	/** The one at a place counted from 0; undefined where there is none. */
	at(place: number): number | undefined {
		return place < this.#length ? this.#values[place] : undefined;
	}

	/** Of ascending numbers, how many are not greater than this one. */
	countUpTo(limit: number): number {
		let [from, to] = [0, this.#length];
		while (from < to) {
			const middle = (from + to) >>> 1;
			if ((this.#values[middle] ?? 0) <= limit) from = middle + 1;
			else to = middle;
		}
		return from;
	}
}

/** The ids of one session's messages, in the store they come from and in the one they go to. */
export class MessageIds {
	readonly #old = new Numbers();
	readonly #new = new Numbers();

	/** In the order of the messages. */
	add(oldId: number, newId: number): void {
		this.#old.push(oldId);
		this.#new.push(newId);
	}

	/** A message as the new store has to have it: a summary names the last message that it stands for, or what is left before that one. */
	translate(message: StoredMessage): StoredMessage {
		if (message.role !== "summary") return message;
		const place = this.#old.countUpTo(message.through);
		return { ...message, through: this.#new.at(place - 1) ?? 0 };
	}
}
