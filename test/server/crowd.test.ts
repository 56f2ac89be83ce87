// A thousand clients, a hundred sessions that all talk at once, and one client that never reads.

import { expect, test } from "bun:test";
import { deafClient } from "../support/raw.ts";
import { config, modelSaying, spawnServer } from "../support/server.ts";
import { upTo } from "../support/wire.ts";

const CLIENTS = 1_000;
const SESSIONS = 100;
const PIECES = 4;
const MB = 1024 * 1024;

/** A client that counts what it is told and looks at no more of it than it must: there are a thousand of them. */
async function counter(url: string, token: string) {
	const socket = new WebSocket(url, {
		headers: { Authorization: `Bearer ${token}` },
	} as never);
	const lasts = new Map<string, number>();
	let frames = 0;
	let ends = 0;
	let isInOrder = true;
	const { promise: isDone, resolve } = Promise.withResolvers<void>();
	socket.onmessage = ({ data }) => {
		const text = String(data);
		if (!text.includes('"event":"agent.')) return;
		frames++;
		const start = text.indexOf('"runId":"') + 9;
		const run = text.slice(start, text.indexOf('"', start));
		const at = text.indexOf('"seq":', start) + 6;
		const seq = Number.parseInt(text.slice(at, at + 8), 10);
		if (seq !== (lasts.get(run) ?? 0) + 1) isInOrder = false;
		lasts.set(run, seq);
		if (text.includes('"event":"agent.done"') && ++ends === SESSIONS) resolve();
	};
	await new Promise<void>((open, fail) => {
		socket.onopen = () => open();
		socket.onerror = () => fail(new Error("not connected"));
	});
	return {
		isDone,
		result: () => ({ frames, ends, isInOrder, runs: lasts.size }),
		close: () => socket.close(),
	};
}

test("a thousand clients are told everything in order while a hundred sessions talk and one client never reads", async () => {
	const { promise: open, resolve } = Promise.withResolvers<void>();
	using model = await modelSaying(async () => {
		await open;
		return { text: Array(PIECES).fill("x".repeat(500)) };
	});
	await using server = await spawnServer(
		config(model.agent, { server: { max_clients: CLIENTS + 10 } }),
	);
	using client = await server.connect();
	await client.call("events.subscribe", { events: [] });
	const all: Awaited<ReturnType<typeof counter>>[] = [];
	for (const _ of upTo(CLIENTS / 50))
		all.push(
			...(await Promise.all(
				upTo(50).map(() => counter(`${server.url}/ws`, server.token)),
			)),
		);
	const deaf = await deafClient(server.port, server.token);
	const before = await client.call("status");
	expect(before.clients).toBe(CLIENTS + 2);
	for (const n of upTo(SESSIONS))
		await client.call("agent.send", {
			message: "go",
			sessionKey: `agent:main:ws:${n}`,
		});
	resolve();
	await Promise.all(all.map(({ isDone }) => isDone));
	for (const one of all)
		expect(one.result()).toEqual({
			frames: SESSIONS * (PIECES + 2),
			ends: SESSIONS,
			isInOrder: true,
			runs: SESSIONS,
		});
	const after = await client.call("status");
	expect(after.clients).toBeGreaterThan(CLIENTS);
	expect(after.faults).toBe(0);
	expect(after.memory.rssBytes - before.memory.rssBytes).toBeLessThan(200 * MB);
	deaf.socket.destroy();
	for (const one of all) one.close();
}, 60_000);
