// A client of the protocol that believes nothing: every frame it is sent is held against the schemas.

import { expect } from "bun:test";
import type * as z from "zod/mini";
import { EVENTS, type EventName } from "../../src/server/events.ts";
import {
	type ErrorFrame,
	errorFrame,
	eventFrame,
	responseFrame,
} from "../../src/server/frames.ts";
import type { Payload } from "../../src/server/protocol.ts";
import { METHODS, type MethodName } from "../../src/server/protocol.ts";

/** An event as it came. */
export interface Told {
	id: string;
	event: string;
	// biome-ignore lint/suspicious/noExplicitAny: checked by the schema of its event before a test sees it
	data: Record<string, any>;
}

/** How a client comes in. */
export interface ConnectOptions {
	/** Sent as `Authorization: Bearer …`. */
	token?: string;
	protocols?: string[];
	headers?: Record<string, string>;
}

/** A frame of the server: what it holds, and how it lay on the wire. */
type Frame = Record<string, unknown>;

/** What an answer has to be equal to, once it went through its schema: nothing may be in it that the schema does not tell. */
export function checked<Schema extends z.ZodMiniType>(
	schema: Schema,
	value: unknown,
): z.output<Schema> {
	const read = schema.parse(value);
	expect(value).toEqual(read);
	return read;
}

/** One connected client. */
export class WireClient implements Disposable {
	readonly socket: WebSocket;
	/** Resolves with the code once the socket is closed, whoever did it. */
	readonly closed: Promise<{ code: number; reason: string }>;
	/** Every event, in the order told. */
	readonly events: Told[] = [];
	/** Every frame that was no answer to a `call`, events left out. */
	readonly strays: Frame[] = [];
	/** Every frame as it came. */
	readonly raw: (string | Uint8Array)[] = [];
	readonly #pending = new Map<unknown, (frame: Frame) => void>();
	#waiting: (() => void)[] = [];
	#count = 0;
	#isClosed = false;

	constructor(url: string, { token, protocols, headers }: ConnectOptions) {
		const authorization = token && { Authorization: `Bearer ${token}` };
		this.socket = new WebSocket(url, {
			headers: { ...authorization, ...headers },
			...(protocols && { protocols }),
		} as never);
		this.socket.binaryType = "arraybuffer";
		this.closed = new Promise((resolve) => {
			this.socket.onclose = ({ code, reason }) => {
				this.#isClosed = true;
				resolve({ code, reason });
				this.#wake();
			};
		});
		this.socket.onmessage = ({ data }) => {
			if (typeof data !== "string") return;
			this.raw.push(data);
			this.#take(JSON.parse(data));
			this.#wake();
		};
	}

	/** Resolves when it is connected; rejects where it is not let in. */
	async opened(): Promise<this> {
		const open = new Promise<true>((resolve) => {
			this.socket.onopen = () => resolve(true);
		});
		const how = await Promise.race([open, this.closed]);
		if (how !== true) throw new Error(`not connected: ${how.code}`);
		return this;
	}

	/** Asks, and gives the checked payload. Throws the error frame where that is the answer. */
	async call<Name extends MethodName>(
		method: Name,
		params: object = {},
	): Promise<Payload<Name>> {
		const frame = await this.ask({ id: `t-${++this.#count}`, method, params });
		if (frame.type === "error") throw frame;
		const { payload } = checked(responseFrame, frame);
		return checked(METHODS[method].payload, payload) as Payload<Name>;
	}

	/** Asks for what is to be refused, and gives the checked error frame. */
	async refused(method: string, params: unknown = {}): Promise<ErrorFrame> {
		const frame = await this.ask({ id: `t-${++this.#count}`, method, params });
		return checked(errorFrame, frame);
	}

	/** Sends a request with an id and gives the frame that has it. */
	ask(request: {
		id: string | number;
		method: string;
		params?: unknown;
	}): Promise<Frame> {
		const answered = new Promise<Frame>((resolve) =>
			this.#pending.set(request.id, resolve),
		);
		this.send(request);
		const over = this.closed.then(({ code }) => {
			throw new Error(`closed with ${code} before the answer`);
		});
		return Promise.race([answered, over]);
	}

	/** Sends a frame as it is, or a value as JSON. */
	send(frame: string | object): void {
		this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
	}

	/** Sends a frame and gives the next one that is no event and no answer to a `call`. */
	async answerTo(frame: string | object): Promise<Frame> {
		const from = this.strays.length;
		this.send(frame);
		await this.until(() => this.strays.length > from);
		return this.strays[from] as Frame;
	}

	/** The first event of a name that fits, also one that came before. */
	async event(
		name: EventName,
		fits: (data: Told["data"]) => boolean = () => true,
	): Promise<Told> {
		const find = () =>
			this.events.find(({ event, data }) => event === name && fits(data));
		await this.until(() => find() !== undefined);
		return find() as Told;
	}

	/** The end of a run, however it ended. */
	async end(runId: string): Promise<Told> {
		const find = () =>
			this.events.find(
				({ event, data }) =>
					/^agent\.(done|error)$/.test(event) && data.runId === runId,
			);
		await this.until(() => find() !== undefined);
		return find() as Told;
	}

	/** Resolves when this is true; looked at after every frame. */
	async until(isTrue: () => boolean): Promise<void> {
		while (!isTrue()) {
			if (this.#isClosed) throw new Error("closed while waiting");
			await new Promise<void>((resolve) => this.#waiting.push(resolve));
		}
	}

	/** Ends the connection as a cable does that is pulled out. */
	cut(): void {
		(this.socket as unknown as { terminate(): void }).terminate();
	}

	[Symbol.dispose](): void {
		this.socket.close();
	}

	#take(frame: Frame | Frame[]): void {
		if (!Array.isArray(frame) && frame.type === "event")
			return void this.events.push(checkedEvent(frame));
		const id = Array.isArray(frame) ? undefined : frame.id;
		const answer = this.#pending.get(id);
		this.#pending.delete(id);
		if (answer) answer(frame as Frame);
		else this.strays.push(frame as Frame);
	}

	#wake(): void {
		for (const resolve of this.#waiting.splice(0)) resolve();
	}
}

/** An event frame, with the data that its event has. */
export function checkedEvent(frame: unknown): Told {
	const told = checked(eventFrame, frame);
	checked(EVENTS[told.event as EventName].data, told.data);
	return told;
}

/** A run's events as they were told: its numbers without a gap, its deltas joined. */
export function transcript(events: readonly Told[], runId: string) {
	const own = events.filter(
		({ event, data }) => event.startsWith("agent.") && data.runId === runId,
	);
	return {
		seqs: own.map(({ data }) => data.seq as number),
		names: own.map(({ event }) => event),
		text: own
			.filter(({ event }) => event === "agent.delta")
			.map(({ data }) => data.text)
			.join(""),
		last: own.at(-1),
	};
}

/** 1 to n. */
export function upTo(n: number): number[] {
	return Array.from({ length: n }, (_, index) => index + 1);
}
