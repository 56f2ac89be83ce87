import { expect, test } from "bun:test";
import { mkdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FakeAnswer } from "../support/fake_llm.ts";
import {
	config,
	modelSaying,
	openServer,
	spawnServer,
	writeConfig,
} from "../support/server.ts";

const KEY = "agent:main:ws:tests";
const persona = (agent: object, system_prompt: string) =>
	config({ ...agent, system_prompt });

/** The system prompt of a request, as text. */
const systemOf = (request: { body: object } | undefined) =>
	JSON.stringify((request?.body as { system?: unknown } | undefined)?.system);

test("a good configuration is in force for the next turn; the one that runs keeps the old", async () => {
	const { promise, resolve } = Promise.withResolvers<FakeAnswer>();
	using model = await modelSaying((_request, n) =>
		n === 0
			? promise
			: n < 3
				? { toolCalls: [{ name: "file_read", input: { path: "a" } }] }
				: { text: "Done." },
	);
	await using server = await openServer(persona(model.agent, "You are OLD."));
	using client = await server.connect();
	const { runId } = await client.call("agent.send", {
		message: "go",
		sessionKey: KEY,
	});
	await model.llm.arrival(0);
	const next = persona(model.agent, "You are NEW.");
	writeConfig(server.home, {
		...next,
		agents: { ...next.agents, added: { provider: "demo" } },
		server: { ...next.server, max_clients: 7, port: 9999 },
	});
	await server.serving.reload();
	expect(server.said.at(-1)).toBe(
		`${join(server.home, ".aeon", "aeon.json")} is in force. Only a restart changes server.port.`,
	);
	resolve({ toolCalls: [{ name: "file_read", input: { path: "b" } }] });
	expect((await client.end(runId)).data.text).toBe("Done.");
	await client.call("agent.send", {
		message: "again",
		sessionKey: KEY,
		wait: true,
	});
	const systems = model.llm.requests.map(systemOf);
	expect(systems.map((system) => system?.includes("OLD"))).toEqual([
		true,
		true,
		true,
		true,
		false,
	]);
	expect(systems[4]).toContain("You are NEW.");
	const hello = await client.call("hello");
	expect(hello.agents.map(({ id }) => id)).toEqual(["main", "added"]);
	expect(hello.limits.maxClients).toBe(7);
	expect((await client.call("config.get")).config).toMatchObject({
		server: { max_clients: 7, port: 0 },
	});
});

test("a bad configuration changes nothing, and everybody can learn what is wrong with it", async () => {
	using model = await modelSaying(() => ({ text: "Well." }));
	await using server = await openServer(persona(model.agent, "You are OLD."));
	using client = await server.connect();
	for (const [bad, problem] of [
		[{ agents: { main: { provider: "nobody" } } }, /agents.main.provider/],
		[{ ...persona(model.agent, "NEW"), sever: {} }, /did you mean "server"/],
		[
			persona({ ...model.agent, system_prompt_file: "/nowhere" }, "NEW"),
			/nowhere|system_prompt/,
		],
		[
			config(model.agent, { server: { host: "0.0.0.0" } }),
			/server.token: is missing/,
		],
	] as const) {
		writeConfig(server.home, bad);
		await server.serving.reload();
		expect(server.said.at(-1)).toMatch(problem);
		expect(server.said.at(-1)).toStartWith(
			"The configuration was not reloaded, and the old one stays in force: ",
		);
		const { notices } = await client.call("status");
		expect(notices).toEqual([expect.stringMatching(problem)]);
		await client.call("agent.send", { message: "hi", wait: true });
		expect(systemOf(model.llm.requests.at(-1))).toContain("You are OLD.");
	}
	expect(server.logged("config.rejected")).toHaveLength(4);
	writeConfig(server.home, persona(model.agent, "You are NEW."));
	await server.serving.reload();
	expect((await client.call("status")).notices).toEqual([]);
});

test("a token that is guessed easily does not come in force where others can reach the server", async () => {
	const strong = "7d1f0c6d5b9e4a3f8c2b1a0987654321fedcba98";
	const server = { host: "0.0.0.0", token: strong };
	await using open = await openServer(config(undefined, { server }));
	writeConfig(open.home, config(undefined, { server: { token: "weak-one" } }));
	await open.serving.reload();
	expect(open.said.at(-1)).toMatch(/server.token: is too easy to guess/);
	using client = await open.connect({ token: strong });
	await client.call("ping");
});

test("another token is in force at once, and a new secret stands in no log", async () => {
	await using server = await openServer(config());
	using before = await server.connect();
	const token = "another-token-4711-of-the-operator";
	writeConfig(
		server.home,
		config(
			{ provider: "anthropic", model: "m", api_key: "the-new-key-0815" },
			{ server: { token } },
		),
	);
	await server.serving.reload();
	await expect(server.connect()).rejects.toThrow("not connected");
	using client = await server.connect({ token });
	await before.call("ping");
	await client.call("agent.send", { message: "the-new-key-0815" });
	await client.call("agent.cancel", { sessionKey: "agent:main:ws:local" });
	server.serving.fault(new Error(`with the-new-key-0815 and ${token}`));
	expect(server.logged("fault")).toMatchObject([
		{ error: { message: "with *** and ***" } },
	]);
	expect(server.log()).not.toContain("the-new-key-0815");
	expect(server.log()).not.toContain(token);
});

test("SIGHUP has the configuration read again", async () => {
	using model = await modelSaying(() => ({ text: "Well." }));
	await using server = await spawnServer(persona(model.agent, "You are OLD."));
	using client = await server.connect();
	writeConfig(server.home, persona(model.agent, "You are NEW."));
	server.kill("SIGHUP");
	await server.line(/aeon.json is in force/);
	await client.call("agent.send", { message: "hi", wait: true });
	expect(systemOf(model.llm.requests[0])).toContain("You are NEW.");
	writeConfig(server.home, {});
	server.kill("SIGHUP");
	await server.line(/The configuration was not reloaded/);
	await client.call("agent.send", { message: "hi", wait: true });
});

test("a configuration that is in force is not said to be refused, though it cannot be announced", async () => {
	await using server = await openServer(config());
	mkdirSync(join(server.home, ".aeon", "serve.json.tmp"));
	writeConfig(server.home, config(undefined, { server: { max_clients: 7 } }));
	await server.serving.reload();
	expect(server.said.at(-1)).toEndWith("aeon.json is in force.");
	expect(server.logged("config.rejected")).toEqual([]);
	expect(server.logged("serve.unannounced")).toHaveLength(1);
	using client = await server.connect();
	expect((await client.call("hello")).limits.maxClients).toBe(7);
	expect((await client.call("status")).notices).toEqual([]);
});

test("of two reloads the later one decides", async () => {
	await using server = await openServer(config());
	writeFileSync(join(server.home, ".aeon", "aeon.json"), "{");
	const first = server.serving.reload();
	writeConfig(server.home, config());
	await Promise.all([first, server.serving.reload()]);
	expect(server.said.at(-1)).toEndWith("aeon.json is in force.");
	using client = await server.connect();
	expect((await client.call("status")).notices).toEqual([]);
});

test("a file that is gone for a moment does not put the demo in force", async () => {
	using model = await modelSaying(() => ({ text: "Well." }));
	await using server = await openServer(config(model.agent));
	const file = join(server.home, ".aeon", "aeon.json");
	unlinkSync(file);
	await server.serving.reload();
	expect(server.said.at(-1)).toBe(
		`The configuration was not reloaded, and the old one stays in force: ${file} is gone`,
	);
	using client = await server.connect();
	const { text } = await client.call("agent.send", {
		message: "hi",
		wait: true,
	});
	expect(text).toBe("Well.");
	writeConfig(server.home, config(model.agent));
	await server.serving.reload();
	expect((await client.call("status")).notices).toEqual([]);
});
