import type { Codec, Dialect } from "./encoding.ts";
import type { WireEvent } from "./events.ts";

/** One event on its way to every client: numbered once, and encoded once for all that take the same form. */
export class OutgoingEvent {
	readonly id: string;
	/** Grows with every event of this process. */
	readonly number: number;
	readonly event: WireEvent["event"];
	readonly data: WireEvent["data"];
	#frames: Map<string, string | Uint8Array> | undefined;

	constructor(epoch: string, number: number, { event, data }: WireEvent) {
		this.id = `evt-${epoch}-${number}`;
		this.number = number;
		this.event = event;
		this.data = data;
	}

	/** The session it belongs to; none where it concerns all. */
	get sessionKey(): string | undefined {
		return "sessionKey" in this.data ? this.data.sessionKey : undefined;
	}

	/** A piece of an answer, which the end of the run brings again. */
	get isDelta(): boolean {
		return this.event === "agent.delta" || this.event === "agent.thinking";
	}

	frame(codec: Codec, dialect: Dialect): string | Uint8Array {
		const form = `${codec.encoding} ${dialect}`;
		this.#frames ??= new Map();
		const known = this.#frames.get(form);
		if (known) return known;
		const frame = codec.encode(this.#speak(dialect));
		this.#frames.set(form, frame);
		return frame;
	}

	/** Every client was told: who comes later has it encoded again. Many are kept, so that not even an empty map may stay. */
	release(): void {
		this.#frames = undefined;
	}

	#speak(dialect: Dialect): object {
		const { id, event, data } = this;
		return dialect === "jsonrpc"
			? { jsonrpc: "2.0", method: event, params: data }
			: { id, type: "event", event, data };
	}
}
