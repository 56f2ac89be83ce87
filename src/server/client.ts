// One WebSocket client: what it may see, and how frames reach it without holding up anybody else.

import { AeonError } from "../core/errors.ts";
import type { ServerSocket } from "../core/platform.ts";
import {
	type Codec,
	type Dialect,
	dialectOf,
	type Encoding,
	jsonCodec,
	loadCborCodec,
} from "./encoding.ts";
import type { OutgoingEvent } from "./outgoing.ts";

/** Why a socket is closed (RFC 6455 section 7.4.1, and the registry it names). */
export const CLOSE = {
	goingAway: 1001,
	policy: 1008,
	tryAgainLater: 1013,
} as const;

/** How long a client may be behind before it is told to come again. */
const MAX_LAG_MS = 10_000;

/** How long it may take to hear that it is closed. */
const CLOSING_MS = 5_000;

/** How many events may wait behind those that are told again. */
const MAX_HELD = 10_000;

/** What a client is made with. */
export interface ClientOptions {
	id: string;
	address: string;
	encoding: Encoding;
	dialect: Dialect;
	isAuthenticated: boolean;
	maxBufferedBytes: number;
}

/** Which events a client wants; all where nothing is said. */
export interface EventFilter {
	sessionKeys?: ReadonlySet<string>;
	events?: ReadonlySet<string>;
}

/** One WebSocket client. */
export class Client {
	readonly id: string;
	readonly address: string;
	readonly encoding: Encoding;
	/** How frames are taken that do not say it themselves: as its subprotocol has it. */
	readonly homeDialect: Dialect;
	/** How it is told of events: as its subprotocol has it, or as its last request spoke. */
	dialect: Dialect;
	filter: EventFilter = {};
	isAuthenticated: boolean;
	readonly connectedAt = performance.now();
	/** Resolves when frames can be read and written; undefined once they can. */
	ready: Promise<void> | undefined;
	/** Its requests that have no answer yet. */
	pending = 0;
	/** Bytes that came before it said who it is. */
	bytesBeforeAuth = 0;
	/** What its frames take that wait until it has read what it asked for before. */
	bytesWaiting = 0;
	/** Events that it was not sent since it did not read. */
	dropped = 0;
	readonly #maxBufferedBytes: number;
	#socket: ServerSocket<Client> | undefined;
	#codec: Codec = jsonCodec;
	#isBehind = false;
	#isClosing = false;
	#lagTimer: ReturnType<typeof setTimeout> | undefined;
	#authTimer: ReturnType<typeof setTimeout> | undefined;
	#onDrain: (() => void)[] = [];
	/** Resolves when the last large answer has been made. */
	#making: Promise<void> = Promise.resolve();
	/** Events that wait until those before them have gone; only while it is told of the past. */
	#held: OutgoingEvent[] | undefined;

	constructor(options: ClientOptions) {
		this.id = options.id;
		this.address = options.address;
		this.encoding = options.encoding;
		this.homeDialect = options.dialect;
		this.dialect = options.dialect;
		this.isAuthenticated = options.isAuthenticated;
		this.#maxBufferedBytes = options.maxBufferedBytes;
	}

	/** Takes over the socket. */
	open(socket: ServerSocket<Client>): void {
		this.#socket = socket;
		if (this.encoding !== "cbor") return;
		this.ready = this.#learnCbor();
		this.replay([]);
	}

	/** False while its frames cannot be read yet. */
	get isReady(): boolean {
		return this.ready === undefined;
	}

	/** It is not sent anything large, since it has not read what it was sent. */
	get isBehind(): boolean {
		return this.#isBehind;
	}

	/** Notes how a frame of it spoke. */
	note(value: unknown): void {
		if (value === undefined || this.homeDialect === "jsonrpc") return;
		this.dialect = dialectOf(value, this.homeDialect);
	}

	/** Closes the socket unless the client says in time who it is. */
	expectAuth(timeoutMs: number): void {
		this.#authTimer = setTimeout(
			() => this.close(CLOSE.policy, "not authenticated in time"),
			timeoutMs,
		);
	}

	/** It has said who it is. */
	admit(): void {
		this.isAuthenticated = true;
		clearTimeout(this.#authTimer);
	}

	decode(frame: string | Uint8Array): unknown {
		return this.#codec.decode(frame);
	}

	/** Tells it of an event, where it wants that. A client that is behind gets no pieces of answers. */
	deliver(event: OutgoingEvent): void {
		if (this.#held) this.#hold(event);
		else this.#tell(event);
	}

	/** Tells it of the past after the answer that is on its way, at its own speed; the present waits meanwhile. */
	replay(events: OutgoingEvent[]): void {
		if (this.#held) {
			// What waits may be among what is to be told again.
			const all = new Set([...events, ...this.#held]);
			const inOrder = [...all].sort((a, b) => a.number - b.number);
			this.#held.splice(0, this.#held.length, ...inOrder);
			return;
		}
		this.#held = events;
		queueMicrotask(() => void this.#tellHeld());
	}

	async #tellHeld(): Promise<void> {
		const held = this.#held ?? [];
		await this.ready;
		for (let event = held.shift(); event; event = held.shift()) {
			await this.caughtUp();
			this.#tell(event);
			// It is kept for others, and its frames are made again for them.
			event.release();
		}
		this.#held = undefined;
	}

	#hold(event: OutgoingEvent): void {
		if (this.#held?.push(event) === MAX_HELD) this.#giveUp();
	}

	#tell(event: OutgoingEvent): void {
		if (!this.isAuthenticated || !this.#wants(event)) return;
		if (event.isDelta && this.#isTooFarBehind(1)) {
			this.dropped++;
			this.#lagTimer ??= setTimeout(() => this.#giveUp(), MAX_LAG_MS);
			return;
		}
		this.#send(event.frame(this.#codec, this.dialect));
	}

	/** Answers a request. */
	answer(frame: object): void {
		this.#send(this.#codec.encode(frame));
	}

	/**
	 * Makes a large answer: one at a time, and none before it has read what it was sent. Throws `cancelled` where it is gone.
	 */
	async makeLarge<T>(work: () => Promise<T>): Promise<T> {
		const before = this.#making;
		const { promise, resolve } = Promise.withResolvers<void>();
		this.#making = promise;
		try {
			await before;
			await this.caughtUp();
			if (!this.#socket || this.#isClosing)
				throw new AeonError("cancelled", "The client is gone.");
			return await work();
		} finally {
			// Until then the answer is on its way.
			setImmediate(resolve);
		}
	}

	/** Resolves when it is not behind; at once where it is not. */
	async caughtUp(): Promise<void> {
		if (!this.#isBehind) return;
		await new Promise<void>((resolve) => this.#onDrain.push(resolve));
	}

	/** The network has taken what was buffered. */
	drained(): void {
		this.#isBehind = false;
		clearTimeout(this.#lagTimer);
		this.#lagTimer = undefined;
		for (const resolve of this.#onDrain.splice(0)) resolve();
	}

	/** The socket is gone. */
	closed(): void {
		this.#socket = undefined;
		clearTimeout(this.#authTimer);
		this.drained();
	}

	/** Closes the socket, soon even where the other end does not listen. */
	close(code: number, reason: string): void {
		const socket = this.#socket;
		if (!socket || this.#isClosing) return;
		this.#isClosing = true;
		socket.close(code, reason);
		setTimeout(() => this.#socket?.terminate(), CLOSING_MS).unref();
	}

	async #learnCbor(): Promise<void> {
		this.#codec = await loadCborCodec();
		this.ready = undefined;
	}

	#wants({ event, sessionKey }: OutgoingEvent): boolean {
		const { events, sessionKeys } = this.filter;
		if (events && !events.has(event)) return false;
		return !sessionKeys || !sessionKey || sessionKeys.has(sessionKey);
	}

	#send(frame: string | Uint8Array): void {
		const socket = this.#socket;
		if (!socket || this.#isClosing) return;
		const sent = this.#isTooFarBehind(2) ? 0 : socket.send(frame);
		if (sent === 0) this.#giveUp();
		// It waits behind others: `drained` tells when it has gone.
		else if (sent < 0) this.#isBehind = true;
	}

	#isTooFarBehind(times: number): boolean {
		const socket = this.#socket;
		if (!this.#isBehind || !socket) return false;
		return socket.bufferedBytes > times * this.#maxBufferedBytes;
	}

	/** It comes again and catches up by `after` or by `session.history`. */
	#giveUp(): void {
		this.close(CLOSE.tryAgainLater, "too slow: reconnect and catch up");
	}
}
