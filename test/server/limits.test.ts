import { expect, test } from "bun:test";
import { deafClient, handshake, rawRequest } from "../support/raw.ts";
import { config, modelSaying, openServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { upTo } from "../support/wire.ts";

const KEY = "agent:main:ws:tests";

const few = config(undefined, {
	server: { max_clients: 3, max_frame_bytes: 8192 },
});

test("there are no more clients than there may be, and a place that is left is free again", async () => {
	await using server = await openServer(few);
	const { port, token } = server;
	const clients = await Promise.all(upTo(3).map(() => server.connect()));
	const lines = handshake(port, { Authorization: `Bearer ${token}` });
	const { status, body, head } = await rawRequest(port, lines);
	expect(status).toBe(503);
	expect(head).toContain("Retry-After");
	expect(body).toContain("server.max_clients");
	clients[0]?.cut();
	using watcher = clients[1] ?? (await server.connect());
	while ((await watcher.call("status")).clients > 2);
	using next = await server.connect();
	await next.call("ping");
});

test("strangers take no place from those who say who they are", async () => {
	await using server = await openServer(few);
	const strangers = await Promise.all(upTo(3).map(() => server.connect({})));
	expect(server.connect({})).rejects.toThrow("not connected");
	using one = await server.connect();
	using other = await server.connect();
	expect((await one.call("status")).clients).toBe(5);
	await other.call("ping");
	for (const stranger of strangers) stranger.cut();
});

test("of many places strangers get a quarter", async () => {
	await using server = await openServer(
		config(undefined, { server: { max_clients: 60 } }),
	);
	const tried = await Promise.allSettled(
		upTo(30).map(() => server.connect({})),
	);
	const inside = tried.filter(({ status }) => status === "fulfilled");
	expect(inside).toHaveLength(15);
	using client = await server.connect();
	await client.call("ping");
});

test("a frame that is too large closes its own socket and no other", async () => {
	await using server = await openServer(few);
	using small = await server.connect();
	using large = await server.connect();
	const params = { message: "x".repeat(9000), wait: true };
	large.send({ id: 1, method: "agent.send", params });
	expect((await large.closed).code).toBe(1009);
	const fitting = { message: "x".repeat(8000), wait: true };
	await small.call("agent.send", fitting);
	expect((await small.call("hello")).limits.maxFrameBytes).toBe(8192);
});

test("places are not won by saying late who one is", async () => {
	await using server = await openServer(few);
	const late = await Promise.all(upTo(3).map(() => server.connect({})));
	const early = await Promise.all(upTo(3).map(() => server.connect()));
	const [one] = late;
	const refused = await one?.refused("auth", { token: server.token });
	expect(refused).toMatchObject({ code: "BUSY", retryable: true });
	await one?.closed;
	for (const client of [...late, ...early]) client.cut();
});

test("a client that asks for too much at once is told so, and is served again afterwards", async () => {
	using model = await modelSaying(() => ({ instead: "hang" }));
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	const send = (n: number) =>
		client.ask({
			id: n,
			method: "agent.send",
			params: { message: "go", wait: true, sessionKey: `${KEY}${n}` },
		});
	const all = upTo(256).map(send);
	expect(await send(257)).toMatchObject({
		code: "RATE_LIMITED",
		retryable: true,
	});
	// What ends the waiting is served all the same.
	await client.call("ping");
	for (const n of upTo(256))
		await client.call("agent.cancel", { sessionKey: `${KEY}${n}` });
	for (const { code } of await Promise.all(all)) expect(code).toBe("CANCELLED");
	await client.call("status");
});

test("the first client of a server may ask for hundreds of things before anything is answered", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	const all = await Promise.all(
		upTo(400).map((id) => client.ask({ id, method: "ping" })),
	);
	expect(all.every(({ type }) => type === "response")).toBe(true);
});

test("a connection whose other end is gone is dropped, one that is only silent stays", async () => {
	await using server = await openServer(
		config(undefined, { server: { idle_seconds: 8 } }),
	);
	using silent = await server.connect();
	// It answers no ping, as a machine whose cable was pulled out.
	const gone = await deafClient(server.port, server.token);
	await until(() => server.logged("client.disconnected").length > 0);
	gone.socket.destroy();
	await silent.call("ping");
	expect((await silent.call("status")).clients).toBe(1);
});
