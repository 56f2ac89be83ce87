import { beforeEach, expect, test } from "bun:test";
import type { ServerSocket } from "../../src/core/platform.ts";
import { Client } from "../../src/server/client.ts";
import type { EventName } from "../../src/server/events.ts";
import { OutgoingEvent } from "../../src/server/outgoing.ts";
import { upTo } from "../support/wire.ts";

const KEY = "agent:main:ws:me";
const MAX = 1000;

/** A network that takes what it is told to take. */
let network: {
	isBlocked: boolean;
	buffered: number;
	sent: string[];
	closed: number[];
};
let client: Client;
let count: number;

beforeEach(() => {
	network = { isBlocked: false, buffered: 0, sent: [], closed: [] };
	count = 0;
	client = new Client({
		id: "client-1",
		address: "127.0.0.1",
		encoding: "json",
		dialect: "aeon",
		isAuthenticated: true,
		maxBufferedBytes: MAX,
	});
	const socket: ServerSocket<Client> = {
		data: client,
		get bufferedBytes() {
			return network.buffered;
		},
		send(frame) {
			network.sent.push(String(frame));
			if (!network.isBlocked) return frame.length;
			network.buffered += frame.length;
			return -1;
		},
		cork: (work) => work(),
		close: (code) => void network.closed.push(code),
		terminate() {},
	};
	client.open(socket);
});

const event = (name: EventName, text = "") =>
	new OutgoingEvent("a", ++count, {
		event: name,
		data: { runId: "run-1", sessionKey: KEY, seq: count, text },
	} as never);

const seqs = () => network.sent.map((frame) => JSON.parse(frame).data.seq);

function drain(): void {
	network = { ...network, isBlocked: false, buffered: 0 };
	client.drained();
}

test("a client that does not read loses pieces of answers, but no other event, and gets pieces again once it has read", () => {
	network.isBlocked = true;
	client.deliver(event("agent.delta", "x".repeat(MAX)));
	client.deliver(event("agent.delta"));
	client.deliver(event("agent.thinking"));
	client.deliver(event("agent.tool_call"));
	client.deliver(event("agent.done"));
	expect(seqs()).toEqual([1, 4, 5]);
	expect(client.dropped).toBe(2);
	drain();
	client.deliver(event("agent.delta"));
	expect(seqs()).toEqual([1, 4, 5, 6]);
	expect(network.closed).toEqual([]);
});

test("far behind, it is told to come again, and nothing more", () => {
	network.isBlocked = true;
	for (const _ of upTo(3)) client.deliver(event("agent.done", "x".repeat(MAX)));
	client.deliver(event("agent.done"));
	client.answer({ id: 1 });
	expect(seqs()).toEqual([1, 2]);
	expect(network.closed).toEqual([1013]);
});

test("what is told again goes at its speed, before what happens meanwhile, and each thing once", async () => {
	const missed = upTo(3).map(() => event("agent.done", "x".repeat(2 * MAX)));
	network.isBlocked = true;
	client.replay(missed);
	const live = event("agent.delta");
	client.deliver(live);
	await Promise.resolve();
	await new Promise(setImmediate);
	expect(seqs()).toEqual([1]);
	client.replay([...missed.slice(1), live]);
	drain();
	await new Promise(setImmediate);
	expect(seqs()).toEqual([1, 2, 3, 4]);
	expect(network.closed).toEqual([]);
});

test("it gives up a client that is told of the past and reads nothing of it", async () => {
	network.isBlocked = true;
	client.replay([event("agent.done"), event("agent.done")]);
	await new Promise(setImmediate);
	for (const _ of upTo(10_000)) client.deliver(event("agent.delta"));
	expect(network.closed).toEqual([1013]);
});

test("large answers are made one at a time, and none for a client that has not read the one before", async () => {
	let making = 0;
	const order: number[] = [];
	const make = (n: number) =>
		client.makeLarge(async () => {
			expect(++making).toBe(1);
			await new Promise(setImmediate);
			making--;
			order.push(n);
			client.answer({ n });
		});
	await Promise.all([make(1), make(2)]);
	network.isBlocked = true;
	client.answer({});
	const third = make(3);
	for (const _ of upTo(5)) await new Promise(setImmediate);
	expect(order).toEqual([1, 2]);
	drain();
	await third;
	expect(order).toEqual([1, 2, 3]);
	client.closed();
	await expect(make(4)).rejects.toMatchObject({ code: "cancelled" });
});
