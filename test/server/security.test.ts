import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { tokenBits } from "../../src/server/token.ts";
import { handshake, rawRequest } from "../support/raw.ts";
import { config, type InProcess, openServer } from "../support/server.ts";
import { upTo } from "../support/wire.ts";

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

/** The status of a handshake with these headers. */
async function knock(
	{ port, token }: InProcess,
	headers: Record<string, string> = {},
	path?: string,
): Promise<number> {
	const lines = handshake(port, { ...bearer(token), ...headers }, path);
	return (await rawRequest(port, lines)).status;
}

test("the token is made once, of 256 bits, for its owner only", async () => {
	await using server = await openServer(config());
	const state = join(server.home, ".aeon");
	expect(Buffer.from(server.token, "base64url")).toHaveLength(32);
	for (const name of ["token", "serve.json"])
		expect(statSync(join(state, name)).mode & 0o777).toBe(0o600);
	expect(statSync(state).mode & 0o777).toBe(0o700);
	await server.stop();
	await using again = await openServer(config(), server.home);
	expect(again.token).toBe(server.token);
});

test("a client may say who it is in its handshake, as browsers can, and in its first request", async () => {
	await using server = await openServer(config());
	const { token, port } = server;
	using byHeader = await server.connect();
	await byHeader.call("ping");
	const protocols = ["aeon.v1", `bearer.${token}`];
	using byProtocol = await server.connect({ protocols });
	expect(byProtocol.socket.protocol).toBe("aeon.v1");
	await byProtocol.call("ping");
	const offered = { "Sec-WebSocket-Protocol": `bearer.${token}` };
	const { status, head } = await rawRequest(port, handshake(port, offered));
	expect(status).toBe(101);
	expect(head).toContain(`Sec-WebSocket-Protocol: bearer.${token}`);
	using byRequest = await server.connect({});
	const together = [
		byRequest.call("auth", { token }),
		byRequest.call("ping"),
		byRequest.call("hello"),
	];
	await Promise.all(together);
});

test("a client that asks before it says who it is, or says it wrong, is sent away", async () => {
	await using server = await openServer(config());
	for (const method of ["ping", "hello", "agent.send", "nothing"]) {
		using client = await server.connect({});
		const refused = client.refused(method, { message: "hi" });
		expect((await refused).code).toBe(
			method === "nothing" ? "UNKNOWN_METHOD" : "UNAUTHORIZED",
		);
		expect((await client.closed).code).toBe(1008);
	}
	using wrong = await server.connect({});
	expect((await wrong.refused("auth", { token: "wrong" })).code).toBe(
		"UNAUTHORIZED",
	);
	expect((await wrong.closed).code).toBe(1008);
	using talker = await server.connect({});
	talker.send({ id: 1, method: "auth", params: { token: "x".repeat(4096) } });
	expect(await talker.closed).toEqual({
		code: 1008,
		reason: "too much before authentication",
	});
	using rpc = await server.connect({});
	rpc.send({ jsonrpc: "2.0", method: "auth", params: { token: "wrong" } });
	expect((await rpc.closed).code).toBe(1008);
	using garbage = await server.connect({});
	garbage.send("garbage");
	expect((await garbage.closed).code).toBe(1008);
});

test("a stranger is told of nothing that happens", async () => {
	await using server = await openServer(config());
	using stranger = await server.connect({});
	using client = await server.connect();
	await client.call("agent.send", { message: "secret", wait: true });
	await stranger.call("auth", { token: server.token });
	expect(stranger.events).toEqual([]);
	await client.call("agent.send", { message: "hi", wait: true });
	await stranger.event("agent.done");
});

test("a stranger has five seconds to say who it is", async () => {
	await using server = await openServer(config());
	const before = performance.now();
	using client = await server.connect({});
	expect((await client.closed).code).toBe(1008);
	const seconds = (performance.now() - before) / 1000;
	expect(seconds).toBeGreaterThan(4.5);
	expect(seconds).toBeLessThan(7);
});

test("a thousand wrong tokens are refused and slowed, and keep the right one out for no moment", async () => {
	await using server = await openServer(config());
	const wrong = upTo(1000).map((n) => knock(server, bearer(`wrong-${n}`)));
	const right = performance.now();
	expect(await knock(server)).toBe(101);
	expect(performance.now() - right).toBeLessThan(2000);
	const refused = await Promise.all(wrong);
	expect(refused.filter((status) => status === 429).length).toBeGreaterThan(
		900,
	);
	expect(new Set(refused)).toEqual(new Set([401, 429]));
	const lines = server.logged("auth.failed");
	expect(lines.length).toBeGreaterThan(3);
	expect(lines.length).toBeLessThan(30);
	let isAnswered = false;
	void knock(server, bearer("last"))
		.catch(() => {})
		.finally(() => {
			isAnswered = true;
		});
	for (const _ of upTo(5)) expect(await knock(server)).toBe(101);
	expect(isAnswered).toBe(false);
});

test("one wrong token is logged, several at once are, too", async () => {
	await using server = await openServer(config());
	await Promise.all(upTo(3).map(() => knock(server, bearer("wrong"))));
	expect(server.logged("auth.failed")).toMatchObject([
		{ count: 1 },
		{ count: 2 },
	]);
});

test("the token stands in no log and in no frame", async () => {
	await using server = await openServer(config());
	const { token } = server;
	using client = await server.connect();
	await client.call("agent.send", { message: "hello", wait: true });
	await knock(server, {}, `/ws?token=${token}`);
	using other = await server.connect({});
	await other.call("auth", { token });
	for (const method of ["hello", "status", "config.get"] as const)
		await client.call(method);
	expect([...client.raw, ...other.raw].join()).not.toContain(token);
	await client.call("agent.send", { message: `It is ${token}.`, wait: true });
	expect(server.log()).toContain("It is ***.");
	expect(server.log()).not.toContain(token);
	expect(server.said.join()).not.toContain(token);
});

test("a token in a URL is refused, whatever it is", async () => {
	await using server = await openServer(config());
	for (const path of ["/ws?token=a", "/ws?a=b&access_token=a", "/?TOKEN=a"])
		expect(await knock(server, {}, path)).toBe(400);
	expect((await server.get("/health?token=a")).status).toBe(400);
});

/** What is given as Host, and what comes of it. */
const HOSTS: [host: string, status: number][] = [
	["127.0.0.1", 101],
	["127.0.0.1:7777", 101],
	["127.1.2.3:7777", 101],
	["localhost", 101],
	["LOCALHOST:7777", 101],
	["[::1]", 101],
	["[::1]:7777", 101],
	["aeon.example", 101],
	["AEON.example:8080", 101],
	["port.example:8443", 101],
	["port.example", 403],
	["port.example:8444", 403],
	["evil.com", 403],
	["evil.com:7777", 403],
	["127.0.0.1.evil.com", 403],
	["localhost.evil.com", 403],
	["aeon.example.evil.com", 403],
	["evil.com#127.0.0.1", 403],
	["evil.com/127.0.0.1", 403],
	["127.0.0.1@evil.com", 403],
	["evil.com@127.0.0.1", 403],
	["evil.com:80@127.0.0.1", 403],
	["127.0.0.1 evil.com", 403],
	["127.0.0.1,evil.com", 403],
	["0.0.0.0", 403],
	["[::ffff:127.0.0.1]", 403],
	["[::]", 403],
	["[fd00::5]", 101],
	["[FD00::5]:7777", 101],
	["[fd00::6]", 403],
	["::1", 403],
	["2130706433", 403],
	["0x7f000001", 403],
	["127.1", 403],
];

test("the server answers only to names that are its own", async () => {
	await using server = await openServer(
		config(undefined, {
			server: { hosts: ["aeon.example", "port.example:8443", "fd00::5"] },
		}),
	);
	for (const [Host, status] of HOSTS)
		expect([Host, await knock(server, { Host })]).toEqual([Host, status]);
	expect([400, 403]).toContain(await knock(server, { Host: "" }));
	const { port, token } = server;
	const absolute = await rawRequest(port, [
		...handshake(port, bearer(token), "http://evil.com/ws"),
	]);
	expect([101, 400, 403]).toContain(absolute.status);
	const twice = handshake(port, bearer(token));
	twice.splice(1, 0, "Host: evil.com");
	expect([400, 403]).toContain((await rawRequest(port, twice)).status);
});

test("only its own pages and those that are listed may talk to the server", async () => {
	await using server = await openServer(
		config(undefined, {
			server: { origins: ["https://chat.example", "http://localhost:3000"] },
		}),
	);
	const own = `http://127.0.0.1:${server.port}`;
	const origins: [origin: string, status: number][] = [
		[own, 101],
		["https://chat.example", 101],
		["http://localhost:3000", 101],
		["http://localhost:3001", 403],
		[`http://localhost:${server.port}`, 403],
		["https://chat.example.evil.com", 403],
		["https://chat.example:444", 403],
		["http://chat.example", 403],
		["https://evil.com", 403],
		["null", 403],
		["file://", 403],
		[`${own}.evil.com`, 403],
		[`${own}@evil.com`, 403],
		[`${own}/path`, 403],
		["chrome-extension://abcdef", 403],
	];
	for (const [Origin, status] of origins)
		expect([Origin, await knock(server, { Origin })]).toEqual([Origin, status]);
	const evil = { headers: { Origin: "https://evil.com" } };
	for (const path of ["/health", "/ready", "/metrics", "/"])
		expect((await server.get(path, evil)).status).toBe(403);
});

test("no answer of HTTP has a header for other pages or a cookie, and none takes a form", async () => {
	await using server = await openServer(config());
	const responses = await Promise.all([
		server.get("/health"),
		server.get("/ready"),
		server.get("/metrics", { headers: bearer(server.token) }),
		server.get("/metrics"),
		server.get("/"),
		server.get("/nothing"),
		server.get("/ws", { method: "OPTIONS" }),
		...["/", "/ws", "/health", "/metrics", "/webhooks/telegram"].map((path) =>
			server.get(path, {
				method: "POST",
				headers: { "Content-Type": "text/plain" },
				body: '{"id":1,"method":"agent.send","params":{"message":"hi"}}',
			}),
		),
	]);
	expect(responses.map(({ status }) => status)).toEqual([
		200, 200, 200, 401, 426, 404, 405, 405, 405, 405, 405, 404,
	]);
	for (const { headers } of responses) {
		const names = [...headers.keys()];
		expect(
			names.filter((name) => /^access-control|^set-cookie/.test(name)),
		).toEqual([]);
	}
	using client = await server.connect();
	expect((await client.call("session.list")).sessions).toEqual([]);
});

test("behind a proxy a token that can be guessed is not enough", async () => {
	const guessable = config(undefined, { server: { token: "weak-token-1" } });
	for (const [sections, status] of [
		[guessable, 403],
		[config(), 101],
	] as const) {
		await using server = await openServer(sections);
		expect(await knock(server)).toBe(101);
		for (const name of ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
			expect(await knock(server, { [name]: "1.2.3.4" })).toBe(status);
	}
});

test("a server that others can reach starts only with a token that nobody can guess", async () => {
	const open = (token?: string) =>
		openServer(
			config(undefined, {
				server: { host: "0.0.0.0", ...(token && { token }) },
			}),
		);
	await expect(open()).rejects.toThrow(
		/server.token: is missing for server.host "0.0.0.0"/,
	);
	for (const weak of [
		"secret",
		"0123456789abcdef",
		"a".repeat(200),
		"password1234",
	])
		await expect(open(weak)).rejects.toThrow(/is too easy to guess/);
	const strong = "7d1f0c6d5b9e4a3f8c2b1a0987654321fedcba98";
	expect(tokenBits(strong)).toBeGreaterThanOrEqual(128);
	await using server = await open(strong);
	expect(await knock(server)).toBe(101);
	expect(await knock(server, { Host: "0.0.0.0" })).toBe(403);
	using client = await server.connect();
	const { config: shown } = await client.call("config.get");
	expect(shown).toMatchObject({ server: { token: "***" } });
});
