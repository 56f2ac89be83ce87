import type { OutboxPart } from "../core/delivery.ts";
import type { DialogEvent } from "../core/event.ts";

type Outbound = Extract<DialogEvent, { type: "message.outbound" }>;

/**
 * Tells whoever watches what becomes of messages that answer nobody: of each message, not of its parts. What answers a
 * command, or a stranger, is no message of its own.
 */
export class Watching {
	readonly #observe: (event: DialogEvent) => void;
	/** By delivery: what is told, and how many parts are on their way. */
	readonly #watched = new Map<string, { event: Outbound; left: number }>();

	constructor(observe: (event: DialogEvent) => void) {
		this.#observe = observe;
	}

	/** A message is on its way, in so many parts. */
	begin(event: Omit<Outbound, "type" | "state">, parts: number): void {
		if (!event.deliveryId.startsWith("delivery-")) return;
		const told: Outbound = {
			type: "message.outbound",
			state: "pending",
			...event,
		};
		this.#watched.set(event.deliveryId, { event: told, left: parts });
		this.#observe(told);
	}

	/** A part was sent, or has failed. */
	settle({ deliveryId, state }: OutboxPart): void {
		const watched = this.#watched.get(deliveryId);
		if (!watched) return;
		watched.left--;
		if (watched.left > 0 && state !== "failed") return;
		this.#watched.delete(deliveryId);
		// What became of it later is told of the message as a whole.
		const isFailed = state === "failed";
		this.#observe({ ...watched.event, state: isFailed ? state : "sent" });
	}
}
