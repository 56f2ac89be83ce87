import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import type { Agent } from "../../src/agent/agent.ts";
import type { Origin } from "../../src/agent/request.ts";
import { Runtime } from "../../src/agent/runtime.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import { createLogger } from "../../src/core/logger.ts";
import { type AnthropicOptions, anthropic } from "../../src/llm/anthropic.ts";
import { openTestAeon, SESSION } from "../support/aeon.ts";
import {
	type FakeAnswer,
	type FakeRequest,
	startFakeLlm,
} from "../support/fake_llm.ts";

/** A picture of one pixel. */
const DOT = Buffer.from(
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
	"base64",
);

/** An agent whose model answers what the script says, and nothing else. */
async function scripted(
	script: (request: FakeRequest, n: number) => FakeAnswer | Promise<FakeAnswer>,
	{ agent = {}, tools = { exec: { approval: "allow" } } } = {},
	approve?: Parameters<typeof openTestAeon>[2],
) {
	const llm = await startFakeLlm({ api: "anthropic", script });
	const section = {
		provider: "anthropic",
		model: "fake-1",
		api_key: "test-key",
		base_url: llm.url,
		...agent,
	};
	const test = await openTestAeon(section, { tools }, approve);
	return Object.assign(test, { llm, [Symbol.dispose]: () => llm.stop() });
}

/** Answers each request with the next of these. */
const inOrder =
	(...answers: FakeAnswer[]) =>
	(_request: FakeRequest, n: number): FakeAnswer =>
		answers[n] ?? { text: "done" };

const call = (name: string, input: Record<string, unknown>, id?: string) => ({
	name,
	input,
	...(id && { id }),
});

test("three tools in one answer all run, and the answer that needs them arrives", async () => {
	await using it = await scripted(
		inOrder(
			{
				text: "Let me see.",
				toolCalls: [
					call("file_write", { path: "a/b.txt", content: "hello\n" }),
					call("file_read", { path: "a/b.txt" }),
					call("exec", { command: "cat a/b.txt; pwd" }),
				],
			},
			{ text: "All done." },
		),
	);
	const result = await it.say("do it");
	expect(result).toMatchObject({
		text: "Let me see.\n\nAll done.",
		stopReason: "end_turn",
		sessionKey: SESSION,
	});
	expect(result.toolCalls.map(({ name, success }) => [name, success])).toEqual([
		["file_write", true],
		["file_read", true],
		["exec", true],
	]);
	expect(readFileSync(join(it.workspace, "a/b.txt"), "utf8")).toBe("hello\n");
	expect(JSON.stringify(it.llm.requests[1]?.body)).toContain(
		`hello\\n${it.workspace}`,
	);
	expect(it.llm.breaches).toEqual([]);
});

test("the events of a turn are numbered without a gap and their deltas are the whole text", async () => {
	await using it = await scripted(
		inOrder(
			{ text: ["One", " two"], toolCalls: [call("exec", { command: "true" })] },
			{ text: ["three", "."] },
		),
	);
	const { text } = await it.say("count");
	const told = (event: TurnEvent) => event.type.replace("agent.", "");
	expect(it.events.map(told)).toEqual([
		"start",
		"delta",
		"delta",
		"tool_call",
		"tool_result",
		"delta",
		"delta",
		"delta",
		"done",
	]);
	expect(it.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
	const deltas = it.events.map((event) =>
		event.type === "agent.delta" ? event.text : "",
	);
	expect(deltas.join("")).toBe(text);
});

test("every message is in the store before the tool that follows it runs", async () => {
	let home = "";
	const stored: unknown[] = [];
	await using it = await scripted(
		inOrder({ toolCalls: [call("exec", { command: "true" })] }),
		{ tools: { exec: { approval: "ask" } } },
		async () => {
			using database = new Database(join(home, ".aeon/sessions.db"));
			stored.push(...database.query("SELECT role FROM messages").values());
			return "deny";
		},
	);
	home = it.home;
	await it.say("look");
	expect(stored).toEqual([["user"], ["assistant"]]);
});

test("a failing tool is shown to the model, which answers anyway", async () => {
	await using it = await scripted(
		inOrder(
			{ toolCalls: [call("file_read", { path: "none.txt" })] },
			{ text: "It is not there." },
		),
	);
	const { text, toolCalls } = await it.say("read it");
	expect(text).toBe("It is not there.");
	expect(toolCalls).toMatchObject([{ success: false }]);
	expect(it.llm.requests[1]?.lastText).toContain("none.txt");
	expect(JSON.stringify(it.llm.requests[1]?.body)).toContain('"is_error":true');
});

test("the system prompt, the tools and the earlier messages keep their bytes from one turn to the next", async () => {
	await using it = await scripted(inOrder({ text: "one" }, { text: "two" }));
	await it.say("first");
	await it.say("second");
	const [first, second] = it.llm.requests.map(({ body }) => body);
	expect(JSON.stringify(second?.system)).toBe(JSON.stringify(first?.system));
	expect(JSON.stringify(second?.tools)).toBe(JSON.stringify(first?.tools));
	const text = (body: typeof first, n: number) =>
		JSON.stringify(body?.messages?.[n]?.content).match(/"text":"([^"]*)"/)?.[1];
	expect(text(second, 0)).toBe(text(first, 0) as string);
	expect(text(first, 0)).toMatch(
		/^\[\w{3} \d{4}-\d\d-\d\d \d\d:\d\d [+-]\d\d:\d\d\] first$/,
	);
});

test("thinking goes back verbatim while the tool loop is open and is gone in the next turn", async () => {
	await using it = await scripted(
		inOrder(
			{ thinking: "hm", toolCalls: [call("exec", { command: "true" })] },
			{ text: "ok" },
			{ text: "again" },
		),
	);
	await it.say("think");
	await it.say("and now");
	expect(JSON.stringify(it.llm.requests[1]?.body)).toContain("signed:2");
	expect(JSON.stringify(it.llm.requests[2]?.body)).not.toContain("signed:2");
	expect(
		await Array.fromAsync(it.aeon.store.exportSession(SESSION)),
	).not.toContainEqual(expect.objectContaining({ replay: expect.anything() }));
});

test("a loop ends after 25 tool calls with a sentence, and the session goes on afterwards", async () => {
	await using it = await scripted((_request, n) =>
		n < 40 && n !== 26
			? { toolCalls: [call("exec", { command: `echo ${n}` })] }
			: { text: "on we go" },
	);
	const result = await it.say("loop");
	expect(result.stopReason).toBe("loop_limit");
	expect(result.toolCalls.filter(({ success }) => success)).toHaveLength(25);
	expect(result.text).toContain("25 tool calls are the limit for one turn");
	expect((await it.say("go on")).text).toBe("on we go");
	expect(JSON.stringify(it.llm.requests.at(-1)?.body)).toContain(
		"are the limit for one turn",
	);
	expect(it.llm.breaches).toEqual([]);
});

test("a loop ends at the third identical call with an identical result, also between others", async () => {
	await using it = await scripted((_request, n) => ({
		toolCalls: [call("exec", { command: n % 2 ? "echo odd" : "echo even" })],
	}));
	const result = await it.say("loop");
	expect(result.stopReason).toBe("loop_limit");
	expect(result.toolCalls).toHaveLength(5);
	expect(result.text).toContain("made the same call 3 times");
});

test("a turn ends at its wall-clock limit with a sentence", async () => {
	await using it = await scripted(
		inOrder({
			text: "Wait.",
			toolCalls: [call("exec", { command: "sleep 60" })],
		}),
		{ agent: { max_turn_seconds: 1 } },
	);
	const result = await it.say("wait");
	expect(result.error?.code).toBe("timeout");
	expect(result.text).toBe(
		"Wait.\n\n[The answer was cut: the turn took longer than 1 s]",
	);
});

test("a call whose arguments were cut by max_tokens is not run, and the model is told to write in parts", async () => {
	const cut = [
		'event: message_start\ndata: {"type":"message_start","message":{"model":"fake-1","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}',
		'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"file_write","input":{}}}',
		'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"path\\":\\"a.txt\\",\\"content\\":\\"hel"}}',
		'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}',
		'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":9}}',
		'event: message_stop\ndata: {"type":"message_stop"}',
	].join("\n\n");
	await using it = await scripted(
		inOrder({ raw: `${cut}\n\n` }, { text: "I see." }),
	);
	const result = await it.say("write");
	expect(result.text).toBe("I see.");
	expect(it.llm.requests[1]?.lastText).toMatch(
		/cut at max_tokens after \d+ characters, so it was not run/,
	);
	const stored = JSON.stringify(
		await Array.fromAsync(it.aeon.store.exportSession(SESSION)),
	);
	expect(stored).not.toContain('"hel');
});

test("an answer that breaks off is kept, and it is said that it was cut", async () => {
	await using it = await scripted(
		inOrder({ text: "The first half", ending: "reset" }, { text: "whole" }),
	);
	const result = await it.say("tell");
	expect(result.error?.code).toBe("llm_unavailable");
	expect(result.text).toMatch(/^The first half\n\n\[The answer was cut: .+\]$/);
	expect(it.events.at(-1)?.type).toBe("agent.error");
	expect((await it.say("again")).text).toBe("whole");
	expect(JSON.stringify(it.llm.requests[1]?.body)).toContain("The first half");
});

test("a model that refuses the request ends the turn in one sentence that names it", async () => {
	await using it = await scripted(() => ({
		status: 401,
		body: {
			type: "error",
			error: { type: "authentication_error", message: "invalid x-api-key" },
		},
	}));
	const { error, text } = await it.say("hello");
	expect(error?.code).toBe("llm_rejected");
	expect(error?.message).toMatch(
		/^127\.0\.0\.1:\d+ said 401: invalid x-api-key$/,
	);
	expect(text).toBe("");
	expect(it.llm.requests).toHaveLength(1);
});

test("a conversation that the provider refuses is sent once more without its past, and that is said", async () => {
	await using it = await scripted((request) =>
		(request.body.messages?.length ?? 0) > 1
			? {
					status: 400,
					body: {
						error: {
							type: "invalid_request_error",
							message: "prompt is too long",
						},
					},
				}
			: { text: "short" },
	);
	await it.say("first");
	const { text, error } = await it.say("second");
	expect(error).toBeUndefined();
	expect(text).toMatch(
		/^short\n\n\[The model refused the whole conversation.*\/new starts afresh\]$/,
	);
	expect(it.llm.requests).toHaveLength(3);
});

test("a picture that file_read finds is shown to the model", async () => {
	await using it = await scripted(
		inOrder(
			{ toolCalls: [call("file_read", { path: "dot.png" })] },
			{ text: "A dot." },
		),
	);
	writeFileSync(join(it.workspace, "dot.png"), DOT);
	await it.say("look");
	expect(JSON.stringify(it.llm.requests[1]?.body.messages?.at(-1))).toContain(
		DOT.toString("base64"),
	);
});

test("old messages leave the window whole turn by whole turn, and the person is told once", async () => {
	await using it = await scripted(
		(_request, n) => ({ text: `answer ${n} ${"x".repeat(4000)}` }),
		{
			agent: { context_window: 8000 },
		},
	);
	const told: boolean[] = [];
	for (let n = 0; n < 8; n++) {
		const { text, error } = await it.say(`question ${n}`);
		expect(error).toBeUndefined();
		told.push(text.includes("no longer sees the oldest messages"));
	}
	expect(told.filter(Boolean)).toHaveLength(1);
	expect(it.llm.breaches).toEqual([]);
});

test("message_send reaches the chat it is called in and no other", async () => {
	await using it = await scripted(
		inOrder({
			toolCalls: [
				call("message_send", { text: "ping" }),
				call("message_send", { text: "ping", to: "somebody" }),
			],
		}),
	);
	const { toolCalls } = await it.say("send");
	expect(toolCalls.map(({ success }) => success)).toEqual([true, false]);
	expect(it.sent).toEqual(["ping"]);
});

test("two users interleaved never see a word of each other", async () => {
	await using it = await scripted((request) => ({
		text: `You said ${request.lastText}`,
	}));
	const users = ["alice", "bob"];
	for (let n = 0; n < 20; n++)
		await Promise.all(
			users.map((user) =>
				it.say(`secret-of-${user}-${n}`, `agent:main:cli:${user}`),
			),
		);
	for (const { body } of it.llm.requests) {
		const said = JSON.stringify(body);
		expect(
			users.filter((user) => said.includes(`secret-of-${user}`)),
		).toHaveLength(1);
	}
});

test("a session whose queue is full says so, and an unknown agent is named", async () => {
	await using it = await scripted(() => ({ instead: "hang" }));
	const turns = Array.from({ length: 21 }, (_, n) => it.say(`message ${n}`));
	expect(it.say("one more")).rejects.toThrow("20 messages are waiting");
	expect(it.say("hi", "agent:nobody:cli:x")).rejects.toThrow(
		'There is no agent "nobody": agents are main',
	);
	it.host.cancel(SESSION);
	const ended = await Promise.all(turns);
	expect(new Set(ended.map(({ stopReason }) => stopReason))).toEqual(
		new Set(["cancelled"]),
	);
});

test("/new stops what hangs, keeps what was said under another key, and begins with nothing", async () => {
	await using it = await scripted((_request, n) =>
		n === 1 ? { instead: "hang" } : { text: `answer ${n}` },
	);
	await it.say("remember this");
	const stuck = it.say("hang");
	await it.llm.arrival(1);
	const reply = await it.host.command("/new", { sessionKey: SESSION });
	expect(reply).toEqual({ text: "A new conversation begins." });
	expect((await stuck).stopReason).toBe("cancelled");
	await it.say("fresh");
	expect(JSON.stringify(it.llm.requests[2]?.body)).not.toContain(
		"remember this",
	);
	const keys = (await it.aeon.store.listSessions()).map(
		({ sessionKey }) => sessionKey,
	);
	expect(keys).toHaveLength(2);
	expect(keys).toContainEqual(
		expect.stringMatching(/^agent:main:cli:test#\d+$/),
	);
});

test("a picture that the provider refuses is left out, and the turn is answered", async () => {
	await using it = await scripted((request, n) => {
		if (JSON.stringify(request.body).includes('"type":"image"'))
			return {
				status: 400,
				body: {
					error: {
						type: "invalid_request_error",
						message: "Could not process image",
					},
				},
			};
		return n === 0
			? { toolCalls: [call("file_read", { path: "dot.png" })] }
			: { text: "I cannot see it." };
	});
	writeFileSync(join(it.workspace, "dot.png"), DOT);
	const { text, error } = await it.say("look");
	expect(error).toBeUndefined();
	expect(text).toStartWith("I cannot see it.");
});

test("a picture whose file is gone or changed is named, not sent", async () => {
	await using it = await scripted(
		inOrder(
			{ toolCalls: [call("file_read", { path: "dot.png" })] },
			{ text: "A dot." },
			{ text: "Gone." },
		),
	);
	const file = join(it.workspace, "dot.png");
	writeFileSync(file, DOT);
	await it.say("look");
	rmSync(file);
	await it.say("again");
	expect(JSON.stringify(it.llm.requests[2]?.body)).toContain(
		`[${file}: the file is gone]`,
	);
	writeFileSync(file, "secret text");
	await it.say("and again");
	expect(JSON.stringify(it.llm.requests[3]?.body)).toContain(
		`[${file}: not a picture any more]`,
	);
	expect(JSON.stringify(it.llm.requests[3]?.body)).not.toContain(
		Buffer.from("secret text").toString("base64"),
	);
});

test("an answer that ends in an uncommon way says so", async () => {
	const said = async (answer: FakeAnswer) => {
		await using it = await scripted(() => answer);
		const { text, stopReason } = await it.say("hi");
		return [stopReason, text];
	};
	expect(await said({ text: "Long", stopReason: "max_tokens" })).toEqual([
		"max_tokens",
		'Long\n\n[The answer was cut at the limit of max_tokens. Say "go on" to continue]',
	]);
	expect(
		await said({ text: "Long", stopReason: "model_context_window_exceeded" }),
	).toEqual([
		"model_context_window_exceeded",
		"Long\n\n[The answer was cut: the model's window is full. /new starts afresh]",
	]);
	expect(await said({ stopReason: "refusal" })).toEqual([
		"refusal",
		"[The model refused to answer]",
	]);
	expect(await said({ stopReason: "end_turn" })).toEqual([
		"end_turn",
		"[The model gave no text]",
	]);
	expect(await said({ text: "Fine.", stopReason: "stop_sequence" })).toEqual([
		"stop_sequence",
		"Fine.",
	]);
});

test("a tool that does not hear the signal holds nobody up", async () => {
	await using it = await scripted(
		inOrder({ toolCalls: [call("exec", { command: "true" })] }, { text: "on" }),
	);
	const options = {
		provider: "anthropic",
		model: "fake-1",
		api_key: "k",
		base_url: it.llm.url,
	};
	const llm = anthropic.create(
		z.parse(anthropic.options, options) as AnthropicOptions,
	);
	const agent: Agent = {
		id: "main",
		llm,
		system: "You are a test.",
		toolSpecs: [],
		runTool: () => new Promise(() => {}),
		historyLimit: 50,
		compaction: { at: 0, llm },
		maxToolCalls: 25,
		maxTurnMs: 60_000,
	};
	const runtime = new Runtime({
		store: it.aeon.store,
		agents: new Map([["main", agent]]),
		logger: createLogger({
			path: join(it.home, "log"),
			level: "error",
			secrets: [],
		}),
	});
	const origin: Origin = {
		tell({ type }) {
			if (type === "agent.tool_call") runtime.cancel(SESSION);
		},
		approve: async () => "deny",
		send: async () => "nowhere",
	};
	const turn = runtime.submit({ sessionKey: SESSION, text: "go" }, origin);
	expect((await turn.result).stopReason).toBe("cancelled");
	const next = runtime.submit({ sessionKey: SESSION, text: "go on" }, origin);
	expect((await next.result).text).toBe("on");
});

test("closing stops every turn and leaves the database whole in one file", async () => {
	const it = await scripted(() => ({ instead: "hang" }));
	const turns = ["a", "b"].map((user) =>
		it.say("hi", `agent:main:cli:${user}`),
	);
	await it.llm.arrival(1);
	await it.aeon.close();
	expect(
		(await Promise.all(turns)).map(({ stopReason }) => stopReason),
	).toEqual(["cancelled", "cancelled"]);
	expect(
		readdirSync(join(it.home, ".aeon")).filter((name) =>
			name.startsWith("sessions"),
		),
	).toEqual(["sessions.db"]);
	it.llm.stop();
});
