// One client of a soak: it sends, stops, allows, goes away in mid-answer, comes again, and misses nothing.

import type { Act } from "./acts.ts";
import { type Command, connect } from "./connect.ts";

/** A turn that is to be taken. */
export interface Turn {
	number: number;
	act: Act;
	sessionKey: string;
}

interface Running extends Turn {
	isAcknowledged: boolean;
	hasBegun: boolean;
	over: Promise<string>;
	end(how: string): void;
}

/** A connection to a server, for some sessions of its own, in each of which one turn runs at a time. */
export class Peer {
	reconnects = 0;
	readonly #command: Command;
	readonly #sessionKeys: string[];
	readonly #running = new Map<string, Running>();
	#socket: WebSocket | undefined;
	#lastEvent: string | undefined;
	/** What is told before the subscription is answered comes again after that. */
	#isSubscribed = false;
	#count = 0;

	constructor(command: Command, sessionKeys: string[]) {
		this.#command = command;
		this.#sessionKeys = sessionKeys;
	}

	/** Connects, or comes again: asks for what it has missed, and says again what nobody has acknowledged. */
	async connect(): Promise<void> {
		const socket = await connect(this.#command);
		socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
		this.#socket = socket;
		this.#isSubscribed = false;
		const after = this.#lastEvent;
		this.#ask("events.subscribe", {
			sessionKeys: this.#sessionKeys,
			...(after && { after }),
		});
		for (const turn of this.#running.values()) {
			if (!turn.isAcknowledged) this.#send(turn);
			if (turn.hasBegun && turn.act === "slow") this.#cancel(turn);
		}
		if (after) this.#ask("approval.list", {}, "approvals");
	}

	/** Takes a turn to its end, after an earlier one of its session; gives `done` or the code of its error. Throws where what it said is not what it had to say. */
	async take(turn: Turn): Promise<string> {
		for (;;) {
			const earlier = this.#running.get(turn.sessionKey);
			if (!earlier) break;
			await earlier.over;
		}
		const { promise, resolve } = Promise.withResolvers<string>();
		const running = {
			...turn,
			isAcknowledged: false,
			hasBegun: false,
			over: promise,
			end: resolve,
		};
		this.#running.set(turn.sessionKey, running);
		this.#send(running);
		return promise;
	}

	#send({ number, act, sessionKey }: Turn): void {
		const message = `turn=${number} does=${act}`;
		const messageId = `turn-${number}`;
		const params = { sessionKey, message, messageId };
		this.#ask("agent.send", params, sessionKey);
	}

	#cancel({ sessionKey }: Turn): void {
		this.#ask("agent.cancel", { sessionKey });
	}

	#allow({ approvalId, sessionKey }: Asked): void {
		const { act } = this.#running.get(sessionKey) ?? {};
		if (!act) return;
		const decision = act === "exec" ? "allow" : "deny";
		this.#ask("approval.resolve", { approvalId, decision }, "approval");
	}

	/** Nothing is sent while it is away; when it comes again it says all of it. */
	#ask(method: string, params: object, name = method): void {
		const id = `${name} ${++this.#count}`;
		this.#socket?.send(JSON.stringify({ id, method, params }));
	}

	#hear(frame: Frame): void {
		const name = String(frame.id).split(" ")[0] ?? "";
		if (frame.type === "event") {
			if (this.#isSubscribed) this.#learn(frame);
			return;
		}
		// A question may have been answered before the connection was lost.
		if (frame.type === "error" && name !== "approval")
			throw new Error(JSON.stringify(frame));
		if (name === "events.subscribe") this.#isSubscribed = true;
		const turn = this.#running.get(name);
		if (turn) turn.isAcknowledged = true;
		if (name !== "approvals") return;
		for (const asked of frame.payload.approvals)
			if (this.#sessionKeys.includes(asked.sessionKey)) this.#allow(asked);
	}

	#learn({ id, event, data }: Frame): void {
		this.#lastEvent = id;
		if (event === "approval.requested") this.#allow(data);
		const turn = this.#running.get(data.sessionKey);
		if (!turn) return;
		if (event === "agent.delta" && !turn.hasBegun) {
			turn.hasBegun = true;
			if (turn.act === "slow") this.#cancel(turn);
			if (turn.act === "linger") this.#goAway();
		}
		if (event !== "agent.done" && event !== "agent.error") return;
		const begins = `answer ${turn.number}.`;
		if (turn.act !== "refuse" && !data.text.startsWith(begins))
			throw new Error(`${begins} (${turn.act}) is ${JSON.stringify(data)}`);
		this.#running.delete(data.sessionKey);
		turn.end(event === "agent.done" ? "done" : data.code);
	}

	/** Its cable is pulled out. */
	#goAway(): void {
		const socket = this.#socket;
		this.#socket = undefined;
		this.reconnects++;
		if (!socket) return;
		socket.onclose = null;
		socket.onmessage = null;
		socket.terminate();
		void this.connect();
	}
}

interface Asked {
	approvalId: string;
	sessionKey: string;
}

// biome-ignore lint/suspicious/noExplicitAny: what a server sends; what is wrong in it fails the soak
type Frame = { id: string; type: string } & Record<string, any>;
