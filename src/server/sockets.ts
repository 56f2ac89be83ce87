// The WebSockets of the server: the handshake, who is connected, and what they send.

import type { Logger } from "../core/logger.ts";
import type { Incoming, ServerSocket } from "../core/platform.ts";
import { CLOSE, Client } from "./client.ts";
import type { Dialect, Encoding } from "./encoding.ts";
import { bearerOf, type Guard } from "./guard.ts";
import { refuse } from "./http.ts";
import type { OutgoingEvent } from "./outgoing.ts";
import type { Tables } from "./tables.ts";

/** How long a client may take to say who it is, and how much it may send before. */
const AUTH_MS = 5_000;
const MAX_BYTES_BEFORE_AUTH = 4096;

/** When whoever found no place may try again. */
const RETRY_MS = 5_000;

/** So many clients may always be on their way in; otherwise a quarter of all. */
const MIN_STRANGERS = 8;

/** What frames may take together that wait until their client has read its answers, as a multiple of what may wait for it. */
const MAX_WAITING_TIMES = 4;

/** What a frame takes beside its bytes. */
const FRAME_SIZE = 200;

/** Requests of one client that wait for their answers. */
const MAX_PENDING = 256;

/** The subprotocols that a client may offer, and what its frames are then. */
const SUBPROTOCOLS: Record<string, { encoding: Encoding; dialect: Dialect }> = {
	"aeon.v1": { encoding: "json", dialect: "aeon" },
	"aeon.v1.cbor": { encoding: "cbor", dialect: "aeon" },
	jsonrpc: { encoding: "json", dialect: "jsonrpc" },
};

/** What the sockets are served with. */
export interface SocketParts {
	guard: Guard;
	logger: Logger;
	/** Loads the methods, when the first client comes: until then nobody needs them. */
	loadTables(): Promise<Tables>;
	limits(): { maxClients: number; maxBufferedBytes: number };
	logWrongToken(address: string): void;
	/** An error that a client is told, for the figures. */
	countError(code: string): void;
}

/** The connected clients of one server. */
export class Sockets {
	readonly #parts: SocketParts;
	readonly #clients = new Map<string, Client>();
	#tables: Tables | Promise<Tables> | undefined;
	#isOpen = true;
	#count = 0;

	constructor(parts: SocketParts) {
		this.#parts = parts;
	}

	/** How many clients are connected. */
	get size(): number {
		return this.#clients.size;
	}

	/** Makes a WebSocket of a request, or says why not. A request with a token is upgraded before anything is waited for. */
	handshake(
		request: Request,
		incoming: Incoming<Client>,
	): Response | undefined | Promise<Response> {
		const offered = (request.headers.get("sec-websocket-protocol") ?? "")
			.split(",")
			.map((one) => one.trim());
		const token = bearerOf(request.headers, offered);
		const isKnown = token !== undefined;
		const full = this.#whyFull(isKnown);
		if (full)
			return refuse({ status: 503, message: full, retryAfterMs: RETRY_MS });
		const { guard, logWrongToken } = this.#parts;
		const refusal = isKnown
			? guard.checkToken(token, incoming.address)
			: undefined;
		if (refusal) {
			logWrongToken(incoming.address);
			return refusal.then(refuse);
		}
		return this.#upgrade(incoming, offered, isKnown);
	}

	/** A socket is open. */
	opened(socket: ServerSocket<Client>): void {
		const client = socket.data;
		this.#clients.set(client.id, client);
		const { id, address, encoding, homeDialect, isAuthenticated } = client;
		this.#parts.logger.info("client.connected", {
			client: id,
			address,
			encoding,
			dialect: homeDialect,
		});
		if (!isAuthenticated) client.expectAuth(AUTH_MS);
		client.open(socket);
	}

	/** A frame has come. What is wrong with it is an answer, and never anybody else's affair. */
	received(client: Client, frame: string | Uint8Array): void {
		if (!client.isAuthenticated) {
			client.bytesBeforeAuth += Buffer.byteLength(frame);
			if (client.bytesBeforeAuth > MAX_BYTES_BEFORE_AUTH) {
				client.close(CLOSE.policy, "too much before authentication");
				return;
			}
		}
		// Whoever does not read what it asked for gets nothing more until it does.
		const tables = this.#tables;
		const isLoaded = tables !== undefined && !(tables instanceof Promise);
		if (isLoaded && client.isReady && !client.isBehind)
			this.#take(client, frame, tables);
		else void this.#takeLater(client, frame.slice());
	}

	/** A socket is gone. What its client had asked for goes on. */
	closed(client: Client, code: number): void {
		if (!this.#clients.delete(client.id)) return;
		client.closed();
		this.#parts.logger.info("client.disconnected", {
			client: client.id,
			code,
			seconds: Math.round((performance.now() - client.connectedAt) / 1000),
			...(client.dropped > 0 && { dropped: client.dropped }),
		});
	}

	/** Tells every client that wants to know. */
	broadcast(event: OutgoingEvent): void {
		for (const client of this.#clients.values()) client.deliver(event);
		event.release();
	}

	/** Takes in nobody any more. */
	stop(): void {
		this.#isOpen = false;
	}

	/** Closes every socket. */
	closeAll(): void {
		for (const client of this.#clients.values())
			client.close(CLOSE.goingAway, "the server ends");
	}

	async #takeLater(client: Client, frame: string | Uint8Array): Promise<void> {
		const size = FRAME_SIZE + Buffer.byteLength(frame);
		const limit = MAX_WAITING_TIMES * this.#parts.limits().maxBufferedBytes;
		if (client.bytesWaiting + size > limit)
			return client.close(CLOSE.tryAgainLater, "asks and does not read");
		client.bytesWaiting += size;
		this.#tables ??= this.#parts.loadTables();
		this.#tables = await this.#tables;
		await client.ready;
		await client.caughtUp();
		client.bytesWaiting -= size;
		this.#take(client, frame, this.#tables);
	}

	#take(client: Client, frame: string | Uint8Array, tables: Tables): void {
		const value = client.decode(frame);
		client.note(value);
		// Asked for each request of a batch: one may let the client in, and each takes a place.
		const tableNow = () => {
			if (!client.isAuthenticated) return tables.gate;
			return client.pending >= MAX_PENDING ? tables.busy : tables.all;
		};
		const { dispatch } = tables;
		const answer = dispatch(value, client.homeDialect, tableNow, client);
		if (answer instanceof Promise) void this.#answerLater(client, answer);
		else this.#answer(client, answer);
	}

	async #answerLater(
		client: Client,
		answer: Promise<object | undefined>,
	): Promise<void> {
		client.pending++;
		try {
			this.#answer(client, await answer);
		} finally {
			client.pending--;
		}
	}

	#answer(client: Client, answer: object | undefined): void {
		if (answer) {
			if ("code" in answer) this.#parts.countError(String(answer.code));
			client.answer(answer);
		}
		if (!client.isAuthenticated)
			client.close(CLOSE.policy, "not authenticated");
	}

	#upgrade(
		incoming: Incoming<Client>,
		offered: string[],
		isAuthenticated: boolean,
	): Response | undefined {
		const chosen = offered.find((one) => Object.hasOwn(SUBPROTOCOLS, one));
		const form = SUBPROTOCOLS[chosen ?? "aeon.v1"];
		// A browser wants one of those that it offered, and may have offered its token only.
		const subprotocol =
			chosen ?? offered.find((one) => one.startsWith("bearer."));
		const client = new Client({
			id: `client-${++this.#count}`,
			address: incoming.address,
			encoding: form?.encoding ?? "json",
			dialect: form?.dialect ?? "aeon",
			isAuthenticated,
			maxBufferedBytes: this.#parts.limits().maxBufferedBytes,
		});
		const headers: Record<string, string> = subprotocol
			? { "Sec-WebSocket-Protocol": subprotocol }
			: {};
		if (incoming.upgrade(client, headers)) return undefined;
		return refuse({ status: 400, message: "This is no WebSocket handshake." });
	}

	/** True while one more may come in who had said nothing before. */
	hasRoom(): boolean {
		const known = [...this.#clients.values()].filter(
			({ isAuthenticated }) => isAuthenticated,
		).length;
		return known < this.#parts.limits().maxClients;
	}

	/** Why there is no place. Those who have not said who they are keep nobody out who does so at once. */
	#whyFull(isKnown: boolean): string | undefined {
		if (!this.#isOpen) return "The server is about to end.";
		const { maxClients } = this.#parts.limits();
		const strangers = [...this.#clients.values()].filter(
			({ isAuthenticated }) => !isAuthenticated,
		).length;
		const taken = this.#clients.size - (isKnown ? strangers : 0);
		if (taken >= maxClients)
			return `There are ${maxClients} clients already: server.max_clients in aeon.json allows more.`;
		if (isKnown) return undefined;
		return strangers >= Math.max(MIN_STRANGERS, maxClients / 4)
			? "Too many clients that have not said who they are."
			: undefined;
	}
}
