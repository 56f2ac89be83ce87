// Clients that do not read what they are sent.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { sqlite } from "../../src/storage/sqlite.ts";
import { temporaryHome } from "../support/home.ts";
import { deafClient } from "../support/raw.ts";
import { config, modelSaying, spawnServer } from "../support/server.ts";
import { transcript, upTo, type WireClient } from "../support/wire.ts";

const KEY = "agent:main:ws:tests";
const MB = 1024 * 1024;
const small = { server: { max_buffered_bytes: 64 * 1024 } };

const rss = async (client: WireClient) =>
	(await client.call("status")).memory.rssBytes;

test("a client that never reads is sent away, and neither another one nor the server's memory feels it", async () => {
	const piece = "x".repeat(4000);
	using model = await modelSaying(() => ({ text: Array(200).fill(piece) }));
	// All of it is twice as much; and who reads may fall behind while the machine is busy.
	const large = { server: { max_buffered_bytes: 8 * MB } };
	await using server = await spawnServer(config(model.agent, large));
	using client = await server.connect();
	const before = await rss(client);
	const deaf = await deafClient(server.port, server.token);
	expect((await client.call("status")).clients).toBe(2);
	const runs = await Promise.all(
		upTo(20).map((n) =>
			client.call("agent.send", { message: "go", sessionKey: `${KEY}-${n}` }),
		),
	);
	for (const { runId } of runs) {
		const done = await client.end(runId);
		const { seqs, text } = transcript(client.events, runId);
		expect(seqs).toEqual(upTo(seqs.length));
		expect(text).toBe(done.data.text);
		expect(text).toHaveLength(200 * 4000);
	}
	while ((await client.call("status")).clients > 1);
	const [gone] = server.logged("client.disconnected");
	expect(gone?.code).toBe(1013);
	expect((await rss(client)) - before).toBeLessThan(200 * MB);
	deaf.socket.destroy();
}, 60_000);

test("a client that asks for much and reads nothing costs no more memory than one that reads", async () => {
	using home = temporaryHome({});
	const store = await sqlite.open({
		sessions_db: join(home.path, ".aeon", "sessions.db"),
	});
	for (const n of upTo(200))
		await store.saveMessage(
			KEY,
			{ role: "user", content: `${n} ${"x".repeat(100_000)}` },
			n,
		);
	await store.close();
	await using server = await spawnServer(config(undefined, small), home.path);
	using client = await server.connect();
	const params = { sessionKey: KEY, limit: 500 };
	await client.call("session.history", params);
	const before = await rss(client);
	const deaf = await deafClient(server.port, server.token);
	const ask = { id: 1, method: "session.history", params };
	for (const _ of upTo(400)) deaf.send(JSON.stringify(ask));
	let peak = 0;
	for (const _ of upTo(50)) {
		await client.call("session.history", params);
		peak = Math.max(peak, await rss(client));
	}
	expect(peak - before).toBeLessThan(150 * MB);
	deaf.socket.destroy();
}, 60_000);

test("a client that reads nothing and goes on asking with large frames is sent away before they fill the memory", async () => {
	await using server = await spawnServer(config());
	using client = await server.connect();
	const message = "x".repeat(100_000);
	for (const _ of upTo(3))
		await client.call("agent.send", { message, sessionKey: KEY, wait: true });
	const before = await rss(client);
	const deaf = await deafClient(server.port, server.token);
	const history = { sessionKey: KEY };
	for (const id of upTo(40))
		deaf.send(
			JSON.stringify({ id, method: "session.history", params: history }),
		);
	const large = { client: "x".repeat(900_000) };
	for (const id of upTo(200))
		deaf.send(JSON.stringify({ id, method: "hello", params: large }));
	while ((await client.call("status")).clients > 1);
	const [gone] = server.logged("client.disconnected");
	expect(gone?.code).toBe(1013);
	expect((await rss(client)) - before).toBeLessThan(100 * MB);
	deaf.socket.destroy();
}, 60_000);
