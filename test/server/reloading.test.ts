import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
	config,
	modelSaying,
	spawnServer,
	writeConfig,
} from "../support/server.ts";

test("SIGHUP puts a new configuration in force; a turn that runs keeps the old one", async () => {
	const { promise: asked, resolve: answer } = Promise.withResolvers<void>();
	using model = await modelSaying(async (_request, n) => {
		if (n === 0) await asked;
		return { text: `answer ${n}` };
	});
	const named = (system_prompt: string) => ({ ...model.agent, system_prompt });
	await using server = await spawnServer(config(named("You are old.")));
	using client = await server.connect();
	const first = await client.call("agent.send", { message: "one" });
	await model.llm.arrival(0);
	writeConfig(
		server.home,
		config(named("You are new."), { agents: { second: named("Two.") } }),
	);
	server.kill("SIGHUP");
	await server.line(/is in force\.$/);
	answer();
	await client.end(first.runId);
	const second = await client.call("agent.send", { message: "two" });
	await client.end(second.runId);
	const systems = model.llm.requests.map(({ body }) =>
		JSON.stringify(body.system),
	);
	expect(systems[0]).toContain("You are old.");
	expect(systems[1]).toContain("You are new.");
	const { agents } = await client.call("hello");
	expect(agents.map(({ id }) => id)).toEqual(["main", "second"]);
});

test("a configuration with mistakes changes nothing, and every one of them is said", async () => {
	await using server = await spawnServer(config());
	using client = await server.connect();
	const before = await client.call("config.get");
	writeConfig(server.home, {
		...config(),
		agnts: {},
		tools: { exec: { approval: "perhaps" } },
	});
	server.kill("SIGHUP");
	await server.line(/was not reloaded/);
	const said = server.said.join("\n");
	expect(said).toContain("agnts: unknown key");
	expect(said).toContain("tools.exec.approval");
	expect(await client.call("config.get")).toEqual(before);
	const { notices } = await client.call("status");
	expect(notices.join()).toContain("was not reloaded");
	const { runId } = await client.call("agent.send", { message: "still there" });
	expect((await client.end(runId)).event).toBe("agent.done");
	writeConfig(server.home, config());
	server.kill("SIGHUP");
	await server.line(/is in force\.$/);
	expect((await client.call("status")).notices).toEqual([]);
});

test("what only a restart can change is named and keeps its value", async () => {
	await using server = await spawnServer(config());
	using client = await server.connect();
	writeConfig(
		server.home,
		config(undefined, {
			server: { port: 1, host: "localhost", max_clients: 1 },
			storage: { driver: "file" },
		}),
	);
	server.kill("SIGHUP");
	const line = await server.line(/Only a restart/);
	expect(line).toContain(
		"Only a restart changes server.host, server.port, storage.",
	);
	expect((await client.call("config.get")).config).toMatchObject({
		server: { host: "127.0.0.1", port: 0, max_clients: 1 },
		storage: { driver: "sqlite" },
	});
	expect((await server.get("/health")).status).toBe(200);
	// The limit is one that changes at once.
	await expect(server.connect()).rejects.toThrow("not connected");
});

test("another token is in force at once, and a secret that is new stays out of the log", async () => {
	await using server = await spawnServer(config());
	const secret = "brand-new-token-0123456789abcdefABCDEF";
	writeConfig(server.home, config(undefined, { server: { token: secret } }));
	server.kill("SIGHUP");
	await server.line(/is in force\.$/);
	await expect(server.connect()).rejects.toThrow("not connected");
	using client = await server.connect({ token: secret });
	await client.refused("session.get", {
		sessionKey: `agent:main:ws:${secret}`,
	});
	await client.call("agent.send", { message: secret, wait: true });
	expect(server.log()).toContain("turn.message");
	expect(server.log()).not.toContain(secret);
});

test("a reload never opens the server to others without a strong token", async () => {
	await using server = await spawnServer(config());
	writeFileSync(
		join(server.home, ".aeon", "aeon.json"),
		JSON.stringify(config(undefined, { server: { host: "0.0.0.0" } })),
	);
	server.kill("SIGHUP");
	await server.line(/was not reloaded/);
	expect(server.said.join("\n")).toContain("server.token: is missing");
});
