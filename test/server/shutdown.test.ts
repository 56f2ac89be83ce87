import { expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { run } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";
import { config, modelSaying, spawnServer } from "../support/server.ts";

const KEY = "agent:main:ws:tests";

/** The most that an end may take, and what this machine may need beside it. */
const END_MS = 10_000;

for (const signal of ["SIGTERM", "SIGINT"] as const)
	test(`${signal} tells clients, gives a running turn its time, keeps what it said, and ends with 0`, async () => {
		using model = await modelSaying(() => ({
			text: "I had begun",
			ending: "hang",
		}));
		await using server = await spawnServer(
			config(model.agent, { server: { drain_ms: 300 } }),
		);
		using client = await server.connect();
		const { runId } = await client.call("agent.send", {
			message: "go",
			sessionKey: KEY,
		});
		await client.event("agent.delta");
		const before = performance.now();
		server.kill(signal);
		const told = await client.event("server.shutdown");
		expect(told.data).toEqual({ drainMs: 300 });
		const refused = await client.refused("agent.send", { message: "late" });
		expect(refused).toMatchObject({ code: "SHUTTING_DOWN", retryable: true });
		const end = await client.end(runId);
		expect(end.data).toMatchObject({
			code: "CANCELLED",
			text: "I had begun\n\n[Stopped]",
		});
		expect(performance.now() - before).toBeGreaterThan(290);
		expect((await client.closed).code).toBe(1001);
		expect(await server.exited).toBe(0);
		expect(performance.now() - before).toBeLessThan(END_MS);
		const state = join(server.home, ".aeon");
		expect(existsSync(join(state, "serve.json"))).toBe(false);
		const wal = statSync(join(state, "sessions.db-wal"), {
			throwIfNoEntry: false,
		});
		expect(wal?.size ?? 0).toBe(0);
		const shown = await run(["sessions", "show", KEY], { home: server.home });
		expect(shown.out).toContain("I had begun");
	});

test("a turn that ends within its time ends well", async () => {
	const { promise: asked, resolve: answer } = Promise.withResolvers<void>();
	using model = await modelSaying(async () => {
		await asked;
		return { text: "Just in time." };
	});
	await using server = await spawnServer(config(model.agent));
	using client = await server.connect();
	const { runId } = await client.call("agent.send", { message: "go" });
	await model.llm.arrival(0);
	server.kill("SIGTERM");
	await client.event("server.shutdown");
	answer();
	const end = await client.end(runId);
	expect(end).toMatchObject({
		event: "agent.done",
		data: { text: "Just in time." },
	});
	expect(await server.exited).toBe(0);
});

test("told a second time it waits for nothing", async () => {
	using model = await modelSaying(() => ({ instead: "hang" }));
	await using server = await spawnServer(
		config(model.agent, { server: { drain_ms: 8000 } }),
	);
	using client = await server.connect();
	await client.call("agent.send", { message: "go" });
	await model.llm.arrival(0);
	const before = performance.now();
	server.kill("SIGTERM");
	await client.event("server.shutdown");
	server.kill("SIGTERM");
	expect(await server.exited).toBe(0);
	expect(performance.now() - before).toBeLessThan(4000);
});

test("messages that wait when it ends are answered after the next start", async () => {
	let isAnswering = false;
	using model = await modelSaying(() =>
		isAnswering ? { text: "Now." } : { instead: "hang" },
	);
	using home = temporaryHome();
	const sections = config(model.agent, { server: { drain_ms: 0 } });
	{
		await using server = await spawnServer(sections, home.path);
		using client = await server.connect();
		for (const message of ["first", "second", "third"])
			await client.call("agent.send", { message, sessionKey: KEY });
		await model.llm.arrival(0);
		server.kill("SIGTERM");
		expect(await server.exited).toBe(0);
	}
	isAnswering = true;
	await using server = await spawnServer(sections, home.path);
	using client = await server.connect();
	const texts = async () => {
		const { messages } = await client.call("session.history", {
			sessionKey: KEY,
		});
		return messages.map(({ role, content }) => `${role}: ${content}`);
	};
	while ((await texts()).length < 5) await Bun.sleep(20);
	expect(await texts()).toEqual([
		"user: first",
		"user: second",
		"assistant: Now.",
		"user: third",
		"assistant: Now.",
	]);
});

test("a tool that does not end when it is told to does not hold up the end", async () => {
	using model = await modelSaying(() => ({
		toolCalls: [{ name: "exec", input: { command: "trap '' TERM; sleep 60" } }],
	}));
	await using server = await spawnServer(
		config(model.agent, {
			server: { drain_ms: 0 },
			tools: { exec: { approval: "allow" } },
		}),
	);
	using client = await server.connect();
	await client.call("agent.send", { message: "go" });
	await client.event("agent.tool_call");
	const before = performance.now();
	server.kill("SIGTERM");
	expect(await server.exited).toBe(0);
	expect(performance.now() - before).toBeLessThan(END_MS);
});
