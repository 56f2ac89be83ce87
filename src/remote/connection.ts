// A client's connection to a server: requests, their answers, events, and coming back after the connection was lost.

import type * as z from "zod/mini";
import { AeonError } from "../core/errors.ts";
import { asRecord, parseJson } from "../core/json.ts";
import { pause } from "../core/pause.ts";
import { VERSION } from "../core/version.ts";
import type { WireEvent } from "../server/events.ts";
import type { ErrorFrame } from "../server/frames.ts";
import type { METHODS, MethodName, Payload } from "../server/protocol.ts";
import {
	type Address,
	failureOf,
	isFinal,
	silent,
	unreachable,
} from "./failure.ts";
import { openSocket } from "./socket.ts";

/** What a method takes, as a client may write it. */
export type Input<Name extends MethodName> = z.input<
	(typeof METHODS)[Name]["params"]
>;

/** How a server is reached. Times are milliseconds. */
export interface ConnectionOptions {
	/** Where it is now; undefined while it runs nowhere. Asked before every try. */
	locate(): Address | undefined;
	/** How long the first connection may take; without `patient` it is tried once. */
	firstMs: number;
	/** The first connection is tried again and again within its time. */
	isPatient?: boolean;
	/** How long one that was lost is tried to be made again. */
	returnMs?: number;
	/** After so long a silence the server is asked whether it is there; after twice that the connection is lost. */
	silenceMs?: number;
}

/** Between two tries, growing. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;

/** How long one try may take. */
const TRY_MS = 5_000;

const RETURN_MS = 30_000;
const SILENCE_MS = 10_000;

/** Requests that must not be served twice. */
const ONCE: readonly MethodName[] = [
	"agent.command",
	"dialog.send",
	"events.subscribe",
	"memory.forget",
	"session.compact",
	"session.reset",
];

interface Waiting {
	frame: string;
	method: MethodName;
	isSent: boolean;
	resolve(payload: never): void;
	reject(error: unknown): void;
}

/**
 * A connection to a server. While something is waited for it comes back by itself after it was lost, and what had no
 * answer is asked again, unless that must not be served twice: then it rejects.
 */
export class Connection {
	readonly #options: ConnectionOptions;
	readonly #waiting = new Map<number, Waiting>();
	readonly #listeners: ((event: WireEvent) => void)[] = [];
	readonly #returned: (() => void)[] = [];
	#socket: WebSocket | undefined;
	#watch: ReturnType<typeof setInterval> | undefined;
	#maxFrameBytes = Number.POSITIVE_INFINITY;
	#lastHeard = 0;
	#count = 0;
	#isReturning = false;
	#isClosed = false;

	/** Connects, and gives the connection with what the server says of itself. */
	static async open(
		options: ConnectionOptions,
	): Promise<{ connection: Connection; hello: Payload<"hello"> }> {
		const connection = new Connection(options);
		const { firstMs, isPatient, silenceMs = SILENCE_MS } = options;
		try {
			const patience = isPatient ? firstMs : 0;
			connection.#adopt(await connection.#connect(patience, firstMs));
			connection.#watch = setInterval(() => connection.#look(), silenceMs / 2);
			const asked = connection.request("hello", {
				client: "aeon",
				version: VERSION,
			});
			const hello = await connection.#within(firstMs, asked);
			connection.#maxFrameBytes = hello.limits.maxFrameBytes;
			return { connection, hello };
		} catch (error) {
			connection.close();
			throw error;
		}
	}

	private constructor(options: ConnectionOptions) {
		this.#options = options;
	}

	/** Is told every event. */
	onEvent(listener: (event: WireEvent) => void): void {
		this.#listeners.push(listener);
	}

	/** Is called when a lost connection is there again; what it asks for at once is asked before what had no answer. */
	onReturn(listener: () => void): void {
		this.#returned.push(listener);
	}

	/**
	 * Asks for something. Rejects with the server's error, with why the server cannot be reached, and with `too_large` where
	 * the server would take no request of that size.
	 */
	async request<Name extends MethodName>(
		method: Name,
		params: Input<Name>,
	): Promise<Payload<Name>> {
		const { promise, resolve, reject } = Promise.withResolvers<Payload<Name>>();
		const id = ++this.#count;
		const frame = JSON.stringify({ id, method, params });
		// The server would close the connection, and the same would be asked again and again.
		if (Buffer.byteLength(frame) > this.#maxFrameBytes)
			throw new AeonError(
				"too_large",
				`The message is too large: the server takes ${this.#maxFrameBytes} bytes at a time`,
				{ hint: "server.max_frame_bytes in its aeon.json allows more." },
			);
		const waiting: Waiting = { frame, method, isSent: false, resolve, reject };
		this.#waiting.set(id, waiting);
		if (this.#socket) this.#send(waiting);
		else void this.#return();
		return promise;
	}

	/** Ends it; what has no answer gets none. */
	close(): void {
		this.#isClosed = true;
		clearInterval(this.#watch);
		this.#waiting.clear();
		this.#socket?.close();
		this.#socket = undefined;
	}

	#send(waiting: Waiting): void {
		waiting.isSent = true;
		this.#socket?.send(waiting.frame);
	}

	/** Tries to connect for so long, once at least, each try taking so long at most. */
	async #connect(patienceMs: number, tryMs: number): Promise<WebSocket> {
		const deadline = Date.now() + patienceMs;
		for (
			let pauseMs = FIRST_PAUSE_MS;
			;
			pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)
		) {
			try {
				const address = this.#options.locate();
				if (!address) throw unreachable("The server", "it has ended");
				return await openSocket(address, tryMs);
			} catch (error) {
				if (isFinal(error) || Date.now() + pauseMs > deadline) throw error;
			}
			await pause(pauseMs);
		}
	}

	#adopt(socket: WebSocket): void {
		if (this.#isClosed) {
			socket.close();
			return;
		}
		const unanswered = [...this.#waiting.values()];
		this.#socket = socket;
		this.#lastHeard = Date.now();
		socket.onmessage = ({ data }) => this.#take(String(data));
		socket.onclose = () => this.#lose(socket);
		for (const returned of this.#isReturning ? this.#returned : []) returned();
		for (const waiting of unanswered) this.#send(waiting);
	}

	#lose(socket: WebSocket): void {
		if (this.#socket !== socket || this.#isClosed) return;
		this.#socket = undefined;
		for (const [id, waiting] of this.#waiting) {
			const { isSent, method } = waiting;
			waiting.isSent = false;
			if (!isSent || !ONCE.includes(method)) continue;
			this.#waiting.delete(id);
			waiting.reject(
				new AeonError("not_found", "The connection to the server was lost."),
			);
		}
		if (this.#waiting.size > 0) void this.#return();
	}

	async #return(): Promise<void> {
		if (this.#isReturning) return;
		this.#isReturning = true;
		try {
			// One that is lost again and again must not be made again and again without a pause.
			await pause(FIRST_PAUSE_MS);
			const { returnMs = RETURN_MS } = this.#options;
			this.#adopt(await this.#connect(returnMs, TRY_MS));
		} catch (error) {
			for (const { reject } of this.#waiting.values()) reject(error);
			this.#waiting.clear();
		} finally {
			this.#isReturning = false;
		}
	}

	#take(text: string): void {
		this.#lastHeard = Date.now();
		const frame = asRecord(parseJson(text));
		if (!frame) return;
		const { id, type, payload, event, data } = frame;
		if (type === "event") {
			const told = { event, data: asRecord(data) ?? {} } as WireEvent;
			for (const listener of this.#listeners) listener(told);
			return;
		}
		const waiting = this.#waiting.get(id as number);
		if (!waiting) return;
		this.#waiting.delete(id as number);
		if (type === "response") waiting.resolve(payload as never);
		else waiting.reject(failureOf(frame as unknown as ErrorFrame));
	}

	/** Sees whether a server that is waited for and silent is still there. */
	#look(): void {
		const socket = this.#socket;
		if (!socket || this.#waiting.size === 0) {
			this.#lastHeard = Date.now();
			return;
		}
		const { silenceMs = SILENCE_MS } = this.#options;
		const silentMs = Date.now() - this.#lastHeard;
		if (silentMs >= 2 * silenceMs) {
			socket.close();
			this.#lose(socket);
		} else if (silentMs >= silenceMs)
			socket.send(JSON.stringify({ id: "ping", method: "ping" }));
	}

	async #within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
		const { promise, reject } = Promise.withResolvers<never>();
		const { url = "The server" } = this.#options.locate() ?? {};
		const timer = setTimeout(() => reject(silent(url)), timeoutMs);
		try {
			return await Promise.race([work, promise]);
		} finally {
			clearTimeout(timer);
		}
	}
}
