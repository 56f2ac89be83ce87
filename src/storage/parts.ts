// What a file store's log says of the outbox.

import type { OutboxPart } from "../core/delivery.ts";
import type { SavedLine } from "./inbox_lines.ts";
import { KNOWN_MS } from "./inbox_record.ts";
import { byPart, isPending, nameOfPart } from "./outbox_record.ts";

/** Parts in the order in which they were first saved. */
export class Parts {
	readonly #parts = new Map<string, OutboxPart>();
	/** Sent or failed, and no line has told the time since. */
	readonly #ended = new Set<string>();
	/** Sent or failed, and by when: the oldest first. */
	readonly #settled = new Map<string, number>();

	pending(dialog: string): OutboxPart[] {
		return this.#copies((part) => isPending(part, dialog));
	}

	of(deliveryId: string): OutboxPart[] {
		return this.#copies((part) => part.deliveryId === deliveryId).sort(byPart);
	}

	called(dialog: string, platformId: string): OutboxPart | undefined {
		return this.#copies(
			(part) => part.dialog === dialog && part.platformId === platformId,
		).at(-1);
	}

	save({ parts, settled_at }: SavedLine): void {
		for (const part of parts) {
			const name = nameOfPart(part);
			this.#parts.set(name, part);
			this.#ended.delete(name);
			this.#settled.delete(name);
			if (part.state === "pending") continue;
			if (settled_at === undefined) this.#ended.add(name);
			else this.#settled.set(name, settled_at);
		}
	}

	/** Forgets parts that were sent, or had failed, a week before. */
	forget(timestamp: number): void {
		for (const name of this.#ended) this.#settled.set(name, timestamp);
		this.#ended.clear();
		for (const [name, settledAt] of this.#settled) {
			if (settledAt >= timestamp - KNOWN_MS) break;
			this.#settled.delete(name);
			this.#parts.delete(name);
		}
	}

	clear(): void {
		this.#parts.clear();
		this.#ended.clear();
		this.#settled.clear();
	}

	/** The lines that a short log has to have. */
	worthKeeping(): SavedLine[] {
		return [...this.#parts].map(([name, part]) => ({
			parts: [part],
			settled_at: this.#settled.get(name),
		}));
	}

	#copies(isMeant: (part: OutboxPart) => boolean): OutboxPart[] {
		return structuredClone([...this.#parts.values()].filter(isMeant));
	}
}
