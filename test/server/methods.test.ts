import { expect, test } from "bun:test";
import { METHODS, type MethodName } from "../../src/server/protocol.ts";
import { config, modelSaying, openServer } from "../support/server.ts";

const KEY = "agent:main:ws:tests";

test("every method answers, in the form that its schema tells", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	const asked = new Set<string>();
	const call = <Name extends MethodName>(name: Name, params?: object) => {
		asked.add(name);
		return client.call(name, params);
	};
	const hello = await call("hello", { client: "test", anything: { else: 1 } });
	expect(hello).toMatchObject({
		name: "aeon",
		protocol: 1,
		defaultAgent: "main",
		agents: [{ id: "main", model: "demo/demo" }],
		limits: { maxClients: 256, maxFrameBytes: 1048576 },
	});
	expect(hello.methods).toEqual(Object.keys(METHODS));
	await call("auth", { token: server.token });
	await call("ping");
	const sent = await call("agent.send", { message: "hello", wait: true });
	expect(sent.sessionKey).toBe("agent:main:ws:local");
	expect(sent.text).toStartWith("This is Aeon's demo");
	expect(sent.stopReason).toBe("end_turn");
	await call("agent.send", { message: "hello", sessionKey: KEY, wait: true });
	expect(await call("agent.cancel", { sessionKey: KEY })).toEqual({
		ok: true,
		cancelled: false,
	});
	const command = { line: "/help", sessionKey: KEY };
	expect((await call("agent.command", command)).isCommand).toBe(true);
	const { sessions } = await call("session.list");
	expect(sessions.map(({ sessionKey }) => sessionKey)).toEqual([
		KEY,
		"agent:main:ws:local",
	]);
	expect((await call("session.get", { sessionKey: KEY })).session.agentId).toBe(
		"main",
	);
	const { messages } = await call("session.history", { sessionKey: KEY });
	expect(messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
	const compacted = await call("session.compact", { sessionKey: KEY });
	expect(compacted.messages).toBeNumber();
	const reset = await call("session.reset", { sessionKey: KEY });
	expect(reset.archivedAs).toStartWith(`${KEY}#`);
	expect(await call("session.delete", { sessionKey: KEY })).toEqual({
		ok: true,
		deleted: true,
	});
	expect(await call("memory.list")).toEqual({
		ok: true,
		facts: [],
		cursor: null,
	});
	expect((await call("memory.search", { query: "tea" })).facts).toEqual([]);
	expect((await call("memory.forget", { id: 1 })).forgotten).toBe(false);
	await call("events.subscribe", { events: ["agent.done"] });
	expect((await call("dialog.list")).dialogs).toEqual([
		{ name: "ws", state: "running" },
	]);
	await call("dialog.send", { dialog: "ws", to: "me", text: "hi" });
	expect((await call("tool.list")).tools.map(({ name }) => name)).toContain(
		"exec",
	);
	expect((await call("approval.list")).approvals).toEqual([]);
	asked.add("approval.resolve");
	expect(
		await client.refused("approval.resolve", {
			approvalId: "none",
			decision: "allow",
		}),
	).toMatchObject({ code: "NOT_FOUND" });
	const status = await call("status");
	expect(status).toMatchObject({
		pid: process.pid,
		clients: 1,
		faults: 0,
		notices: [],
		storage: { driver: "sqlite", isWell: true },
		facts: { count: 0, waiting: 0 },
		queue: { running: 0, waiting: 0 },
	});
	expect(status.tokensToday.inputTokens).toBeGreaterThan(0);
	expect((await call("config.get")).config).toMatchObject({
		agents: { main: { provider: "demo" } },
	});
	expect([...asked].sort()).toEqual(Object.keys(METHODS).sort());
});

/** Requests that make no sense, and what is said of them. */
const REFUSED: [
	method: string,
	params: unknown,
	code: string,
	message: RegExp | string,
][] = [
	["agent.send", {}, "INVALID_REQUEST", "Missing required parameter 'message'"],
	["agent.send", { message: null }, "INVALID_REQUEST", /'message' is null/],
	[
		"agent.send",
		{ message: 7 },
		"INVALID_REQUEST",
		/'message' is 7, not a text/,
	],
	["agent.send", { message: "  " }, "INVALID_REQUEST", "The message is empty."],
	[
		"agent.send",
		{ mesage: "hi", message: "hi" },
		"INVALID_REQUEST",
		/Unknown parameter 'mesage': did you mean "message"\?/,
	],
	[
		"agent.send",
		{ message: "hi", wait: "yes" },
		"INVALID_REQUEST",
		/'wait' is "yes", not true or false/,
	],
	[
		"agent.send",
		{ message: "hi", attachments: {} },
		"INVALID_REQUEST",
		/'attachments'/,
	],
	[
		"agent.send",
		{ message: "hi", attachments: Array(11).fill({ path: "a" }) },
		"INVALID_REQUEST",
		/'attachments'/,
	],
	[
		"agent.send",
		{ message: "hi", messageId: "" },
		"INVALID_REQUEST",
		/'messageId' is empty/,
	],
	[
		"agent.send",
		{ message: "hi", messageId: "x".repeat(201) },
		"INVALID_REQUEST",
		/'messageId'/,
	],
	[
		"agent.send",
		{ message: "hi", sessionKey: "nonsense" },
		"INVALID_REQUEST",
		/is not a session key/,
	],
	[
		"agent.send",
		{ message: "hi", sessionKey: `agent:main:ws:${"x".repeat(600)}` },
		"INVALID_REQUEST",
		/is not a session key/,
	],
	[
		"agent.send",
		{ message: "hi", sessionKey: "agent:nobody:ws:me" },
		"NOT_FOUND",
		/no agent "nobody"/,
	],
	[
		"agent.send",
		{ message: "hi", sessionKey: "agent:toString:ws:me" },
		"NOT_FOUND",
		/no agent "toString"/,
	],
	[
		"agent.send",
		{ message: "hi", agent: "nobody" },
		"NOT_FOUND",
		/no agent "nobody"/,
	],
	[
		"agent.send",
		{ message: "hi", agent: "other", sessionKey: KEY },
		"INVALID_REQUEST",
		/leave out one/,
	],
	["agent.cancel", {}, "INVALID_REQUEST", /either 'sessionKey' or 'runId'/],
	[
		"agent.cancel",
		{ sessionKey: KEY, runId: "run-1" },
		"INVALID_REQUEST",
		/either/,
	],
	["session.list", { limit: 0 }, "INVALID_REQUEST", /'limit'/],
	["session.list", { limit: 501 }, "INVALID_REQUEST", /'limit'/],
	["session.list", { limit: 1.5 }, "INVALID_REQUEST", /'limit'/],
	["session.list", { before: "nonsense" }, "INVALID_REQUEST", /no cursor/],
	["session.get", { sessionKey: KEY }, "NOT_FOUND", /no session/],
	[
		"session.get",
		{},
		"INVALID_REQUEST",
		"Missing required parameter 'sessionKey'",
	],
	[
		"session.history",
		{ sessionKey: KEY, before: "x" },
		"INVALID_REQUEST",
		/'before'/,
	],
	[
		"events.subscribe",
		{ events: ["agent.nothing"] },
		"INVALID_REQUEST",
		/no event "agent.nothing"/,
	],
	["events.subscribe", { events: ["toString"] }, "INVALID_REQUEST", /no event/],
	[
		"events.subscribe",
		{ after: { "run-1": "x" } },
		"INVALID_REQUEST",
		/'after/,
	],
	[
		"dialog.send",
		{ dialog: "ws", to: "me", text: "" },
		"INVALID_REQUEST",
		/'text' is empty/,
	],
	[
		"dialog.send",
		{ dialog: "toString", to: "me", text: "a" },
		"NOT_FOUND",
		/no dialog/,
	],
	["tool.list", { agent: "constructor" }, "NOT_FOUND", /no agent/],
	[
		"approval.resolve",
		{ approvalId: "a", decision: "perhaps" },
		"INVALID_REQUEST",
		/'decision'/,
	],
	["nothing", {}, "UNKNOWN_METHOD", /no method "nothing"/],
	["__proto__", {}, "UNKNOWN_METHOD", /no method "__proto__"/],
	["constructor", {}, "UNKNOWN_METHOD", /no method/],
	["toString", {}, "UNKNOWN_METHOD", /no method/],
	["x".repeat(5000), {}, "UNKNOWN_METHOD", /no method "x{80}"/],
	["ping", [], "INVALID_REQUEST", "'params' must be an object"],
	["ping", null, "INVALID_REQUEST", "'params' must be an object"],
	["session.compact", {}, "INVALID_REQUEST", /parameter 'sessionKey'/],
	[
		"session.compact",
		{ sessionKey: "nonsense" },
		"INVALID_REQUEST",
		/is not a session key/,
	],
	[
		"session.compact",
		{ sessionKey: "agent:main:ws:nobody" },
		"NOT_FOUND",
		"There is no session agent:main:ws:nobody",
	],
	["memory.list", { limit: 0 }, "INVALID_REQUEST", /'limit' is 0/],
	["memory.list", { limit: 501 }, "INVALID_REQUEST", /'limit' is 501/],
	["memory.list", { before: "1" }, "INVALID_REQUEST", /'before' is "1"/],
	["memory.list", { agent: 7 }, "INVALID_REQUEST", /'agent' is 7/],
	[
		"memory.list",
		{ agentId: "main" },
		"INVALID_REQUEST",
		/Unknown parameter 'agentId'/,
	],
	["memory.search", {}, "INVALID_REQUEST", /parameter 'query'/],
	["memory.search", { query: "" }, "INVALID_REQUEST", /'query' is empty/],
	["memory.forget", {}, "INVALID_REQUEST", /parameter 'id'/],
	["memory.forget", { id: "1" }, "INVALID_REQUEST", /'id' is "1"/],
	["memory.forget", { id: 1.5 }, "INVALID_REQUEST", /'id' is 1.5/],
	["ping", { toString: 1 }, "INVALID_REQUEST", /Unknown parameter 'toString'/],
	[
		"ping",
		{ constructor: { prototype: 1 } },
		"INVALID_REQUEST",
		/Unknown parameter 'constructor'/,
	],
];

test("a request that makes no sense is answered with what is wrong, and the next one is served", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	for (const [method, params, code, message] of REFUSED) {
		const refused = await client.refused(method, params);
		expect({ method, params, ...refused }).toMatchObject({ code });
		if (typeof message === "string") expect(refused.message).toBe(message);
		else expect(refused.message).toMatch(message);
	}
	await client.call("ping");
});

test("a message is answered by the agent and the model that it names", async () => {
	using other = await modelSaying(() => ({ text: "The other." }));
	await using server = await openServer(
		config({ provider: "demo" }, { agents: { other: other.agent } }),
	);
	using client = await server.connect();
	const said = await client.call("agent.send", {
		message: "hello",
		agent: "other",
		wait: true,
	});
	expect(said).toMatchObject({
		sessionKey: "agent:other:ws:local",
		text: "The other.",
		model: "anthropic/fake-1",
	});
	const lent = await client.call("agent.send", {
		message: "hello",
		sessionKey: KEY,
		model: "other",
		wait: true,
	});
	expect(lent).toMatchObject({ sessionKey: KEY, text: "The other." });
});

test("a dialog that cannot send files says so", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	const refused = await client.refused("dialog.send", {
		dialog: "ws",
		to: "me",
		text: "look",
		attachments: [{ data: "aGk=", name: "a.txt" }],
	});
	expect(refused.code).toBe("INVALID_REQUEST");
	expect(refused.message).toContain("cannot send files");
});
