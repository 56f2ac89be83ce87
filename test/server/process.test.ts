import { expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { claimState } from "../../src/core/presence.ts";
import type { Backend } from "../../src/server/backend.ts";
import { run } from "../support/command.ts";
import type { FakeAnswer } from "../support/fake_llm.ts";
import { temporaryFolder, temporaryHome } from "../support/home.ts";
import { handshake, rawRequest } from "../support/raw.ts";
import {
	bareServer,
	config,
	modelSaying,
	openServer,
	spawnServer,
} from "../support/server.ts";
import { transcript } from "../support/wire.ts";

const KEY = "agent:main:ws:tests";
const exec = { exec: { approval: "allow" } };

test("a second server of the same state ends and names the first, until that one is gone", async () => {
	await using first = await spawnServer(config());
	const second = await run(["serve"], { home: first.home });
	expect(second).toMatchObject({ code: 1, out: "" });
	expect(second.err).toContain(
		`aeon serve runs already on ${first.home}/.aeon: process ${first.pid}, at ${first.url}`,
	);
	first.kill("SIGKILL");
	await first.exited;
	await using third = await spawnServer(config(), first.home);
	expect(third.token).toBe(first.token);
	using client = await third.connect();
	expect((await client.call("status")).pid).toBe(third.pid);
});

test("a port that another program has is named, and the state is free again", async () => {
	const other = createServer();
	await new Promise<void>((ready) => other.listen(0, "127.0.0.1", ready));
	const { port } = other.address() as { port: number };
	using home = temporaryHome(config(undefined, { server: { port } }));
	const { code, err } = await run(["serve"], { home: home.path });
	expect(code).toBe(1);
	expect(err).toContain(
		`Another program listens on 127.0.0.1:${port} already\nSet server.port`,
	);
	(await claimState(join(home.path, ".aeon"))).release();
	other.close();
});

test("a server that is not safe ends with 2 and says what is missing", async () => {
	using home = temporaryHome(
		config(undefined, { server: { host: "0.0.0.0" } }),
	);
	const { code, err } = await run(["serve"], { home: home.path });
	expect(code).toBe(2);
	expect(err).toContain("server.token: is missing for server.host");
});

const UNHURRIED: Record<
	string,
	{
		first: FakeAnswer;
		reached: "agent.delta" | "agent.tool_call";
		/** What stays of it in the session. */
		kept: string[];
	}
> = {
	"a model that hangs": {
		first: { text: "Half", ending: "hang" },
		reached: "agent.delta",
		kept: [],
	},
	"a tool that hangs": {
		first: {
			text: "Half",
			toolCalls: [
				{
					name: "exec",
					input: { command: "trap '' TERM; sleep 60 & wait; wait" },
				},
			],
		},
		reached: "agent.tool_call",
		kept: ["Half"],
	},
};

for (const signal of ["SIGTERM", "SIGINT"] as const)
	for (const [what, { first, reached, kept }] of Object.entries(UNHURRIED))
		test(`${signal} ends the server in time also with ${what}, and nothing accepted is lost`, async () => {
			let answers = false;
			using model = await modelSaying(() =>
				answers ? { text: "Well." } : first,
			);
			const sections = config(model.agent, {
				tools: exec,
				server: { drain_ms: 300 },
			});
			await using server = await spawnServer(sections);
			using client = await server.connect();
			const send = (message: string) =>
				client.call("agent.send", { message, sessionKey: KEY });
			const running = await send("one");
			await client.event(reached);
			const waiting = [await send("two"), await send("three")];
			const before = performance.now();
			server.kill(signal);
			expect((await client.event("server.shutdown")).data.drainMs).toBe(300);
			for (const { runId } of waiting)
				expect((await client.end(runId)).data.code).toBe("SHUTTING_DOWN");
			expect(
				await client.refused("agent.send", { message: "four" }),
			).toMatchObject({ code: "SHUTTING_DOWN", retryable: true });
			expect(
				await client.refused("session.compact", { sessionKey: KEY }),
			).toMatchObject({ code: "SHUTTING_DOWN", retryable: true });
			await expect(server.connect()).rejects.toThrow("not connected");
			expect((await client.end(running.runId)).data.code).toBe("SHUTTING_DOWN");
			expect(transcript(client.events, running.runId).text).toBe(
				"Half\n\n[Aeon is stopping; this goes on when it runs again]",
			);
			expect((await client.closed).code).toBe(1001);
			expect(await server.exited).toBe(0);
			expect(performance.now() - before).toBeLessThan(6_000);
			const wal = join(server.home, ".aeon", "sessions.db-wal");
			expect(statSync(wal, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
			answers = true;
			await using again = await spawnServer(sections, server.home);
			using other = await again.connect();
			await other.call("events.subscribe", { after: "" });
			for (const { runId } of [running, ...waiting]) await other.end(runId);
			const { messages } = await other.call("session.history", {
				sessionKey: KEY,
			});
			const said = messages.filter(({ role }) => role !== "tool");
			expect(said.map(({ content }) => content)).toEqual([
				"one",
				...kept,
				"Well.",
				"two",
				"Well.",
				"three",
				"Well.",
			]);
		});

test("a turn that ends while the server waits for it has its whole answer", async () => {
	const { promise, resolve } = Promise.withResolvers<FakeAnswer>();
	using model = await modelSaying(() => promise);
	await using server = await spawnServer(config(model.agent));
	using client = await server.connect();
	const { runId } = await client.call("agent.send", { message: "go" });
	await model.llm.arrival(0);
	server.kill("SIGTERM");
	await client.event("server.shutdown");
	resolve({ text: "The whole answer." });
	expect((await client.end(runId)).data.text).toBe("The whole answer.");
	expect(await server.exited).toBe(0);
});

test("told twice to end, the server waits for nothing", async () => {
	using model = await modelSaying(() => ({ instead: "hang" }));
	await using server = await spawnServer(
		config(model.agent, { server: { drain_ms: 6_000 } }),
	);
	using client = await server.connect();
	await client.call("agent.send", { message: "go" });
	await model.llm.arrival(0);
	const before = performance.now();
	server.kill("SIGTERM");
	await client.event("server.shutdown");
	server.kill("SIGTERM");
	expect(await server.exited).toBe(0);
	expect(performance.now() - before).toBeLessThan(3_000);
});

test("an error that nobody caught is counted, logged, and ends nothing", async () => {
	await using server = await openServer(config());
	server.serving.fault(new Error("unexpected"));
	using client = await server.connect();
	expect((await client.call("status")).faults).toBe(1);
	expect(server.logged("fault")).toMatchObject([
		{ level: "error", error: { message: "unexpected" } },
	]);
	await client.call("agent.send", { message: "hello", wait: true });
});

test("what the operator is shown says where the token lies, and never the token", async () => {
	await using server = await spawnServer(config());
	expect(server.said[0]).toBe(
		`Aeon listens on ${server.url}; the token is in ${server.home}/.aeon/token`,
	);
	const file = join(server.home, ".aeon", "token");
	expect(readFileSync(file, "utf8")).toBe(`${server.token}\n`);
});

test("a handshake whose Host is no part of a URL is refused, and is no fault", async () => {
	await using server = await openServer(config());
	const { status } = await rawRequest(
		server.port,
		handshake(server.port, { Host: "localhost:99999" }),
	);
	expect(status).toBe(400);
	expect(server.logged("request.refused")).toMatchObject([{ status: 400 }]);
	using client = await server.connect();
	expect((await client.call("status")).faults).toBe(0);
});

test("what fails in a request is answered with 500, and whoever listens is told why", async () => {
	using folder = temporaryFolder();
	const faults: unknown[] = [];
	const server = bareServer(folder.path, (error) => faults.push(error));
	const broken = new Error("broken");
	server.attach({
		health() {
			throw broken;
		},
	} as unknown as Backend);
	const ready = await fetch(`http://127.0.0.1:${server.port}/ready`);
	expect(ready.status).toBe(500);
	expect(await ready.text()).toBe("Internal Server Error\n");
	expect(faults).toEqual([broken]);
	server.close();
});

test("a token that no header can carry is refused at the start, and not shown", async () => {
	for (const token of ["has a space in it 0123456789", "сек-рет-0123456789"]) {
		using home = temporaryHome(config());
		writeFileSync(join(home.path, ".aeon", "token"), `${token}\n`);
		const { code, err } = await run(["serve"], { home: home.path });
		expect(code).toBe(1);
		expect(err).toContain("cannot be sent");
		expect(err).not.toContain(token);
	}
});
