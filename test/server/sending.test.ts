import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { METHODS } from "../../src/server/protocol.ts";
import type { FakeAnswer } from "../support/fake_llm.ts";
import { config, modelSaying, openServer } from "../support/server.ts";
import { checked, transcript, upTo } from "../support/wire.ts";

const KEY = "agent:main:ws:tests";

const hanging = () => modelSaying(() => ({ instead: "hang" }));
const slow = { tools: { exec: { approval: "allow" } } };
const calls = (command: string): FakeAnswer => ({
	text: "On it.",
	toolCalls: [{ name: "exec", input: { command } }],
});

test("a message is acknowledged before its turn, and events tell the rest without a gap", async () => {
	using model = await modelSaying((_request, n) =>
		n === 0 ? calls("echo hi") : { text: ["All ", "done", "."] },
	);
	await using server = await openServer(config(model.agent, slow));
	using client = await server.connect();
	const { runId, queued } = await client.call("agent.send", {
		message: "go",
		sessionKey: KEY,
	});
	expect(queued).toBe(false);
	const done = await client.end(runId);
	const { seqs, names, text } = transcript(client.events, runId);
	expect(names.filter((name) => name !== "agent.delta")).toEqual([
		"agent.start",
		"agent.tool_call",
		"agent.tool_result",
		"agent.done",
	]);
	expect(seqs).toEqual(upTo(seqs.length));
	expect(done.data).toMatchObject({
		sessionKey: KEY,
		text: "On it.\n\nAll done.",
		stopReason: "end_turn",
	});
	expect(text).toBe(done.data.text);
	const result = await client.event("agent.tool_result");
	expect(result.data).toMatchObject({ name: "exec", success: true });
	expect(result.data.output).toContain("hi");
	await client.event("session.updated", ({ change }) => change === "turn");
	expect(client.events[0]).toMatchObject({
		event: "message.inbound",
		data: { runId, text: "go", attachments: 0 },
	});
});

test("with wait a failed turn is an error frame that tells how far it came", async () => {
	using model = await modelSaying(() => ({
		status: 400,
		body: { error: { type: "invalid_request_error", message: "No." } },
	}));
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	const failed = await client.refused("agent.send", {
		message: "go",
		sessionKey: KEY,
		wait: true,
	});
	expect(failed).toMatchObject({
		code: "LLM_REJECTED",
		details: { sessionKey: KEY, text: "", stopReason: "cut", toolCalls: [] },
	});
	const error = await client.event("agent.error");
	expect(error.data).toMatchObject({
		runId: failed.details?.runId,
		code: failed.code,
		message: failed.message,
	});
});

test("twenty messages may wait in a session; one more is refused and may be sent again", async () => {
	using model = await hanging();
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	const send = (messageId: string) => ({
		message: messageId,
		messageId,
		sessionKey: KEY,
	});
	const all = upTo(25).map((n) =>
		client.ask({ id: n, method: "agent.send", params: send(`m${n}`) }),
	);
	const answers = await Promise.all(all);
	expect(answers.map(({ type }) => type)).toEqual([
		...Array(21).fill("response"),
		...Array(4).fill("error"),
	]);
	expect(answers[24]).toMatchObject({ code: "BUSY", retryable: true });
	expect((await client.call("status")).queue).toEqual({
		running: 1,
		waiting: 20,
	});
	expect(await client.call("agent.cancel", { sessionKey: KEY })).toEqual({
		ok: true,
		cancelled: true,
	});
	for (const { payload } of answers.slice(0, 21))
		expect(
			(await client.end((payload as { runId: string }).runId)).data.code,
		).toBe("CANCELLED");
	const again = await client.call("agent.send", send("m25"));
	await client.event("agent.start", ({ runId }) => runId === again.runId);
});

test("a waiting run is cancelled at once and the one before it goes on", async () => {
	const { promise, resolve } = Promise.withResolvers<FakeAnswer>();
	using model = await modelSaying((_request, n) =>
		n === 0 ? promise : { text: "Next." },
	);
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	const send = (message: string) =>
		client.call("agent.send", { message, sessionKey: KEY });
	const first = await send("one");
	const second = await send("two");
	const third = await send("three");
	expect([first.queued, second.queued, third.queued]).toEqual([
		false,
		true,
		true,
	]);
	await model.llm.arrival(0);
	expect(
		(await client.call("agent.cancel", { runId: second.runId })).cancelled,
	).toBe(true);
	expect((await client.end(second.runId)).data.code).toBe("CANCELLED");
	expect(
		(await client.call("agent.cancel", { runId: second.runId })).cancelled,
	).toBe(false);
	resolve({ text: "First." });
	expect((await client.end(first.runId)).data.text).toBe("First.");
	expect((await client.end(third.runId)).data.text).toBe("Next.");
	expect(model.llm.requests.map(({ lastText }) => lastText.slice(-5))).toEqual([
		expect.stringContaining("one"),
		expect.stringContaining("three"),
	]);
	expect(
		(await client.call("agent.cancel", { runId: "run-none" })).cancelled,
	).toBe(false);
});

for (const [what, command] of Object.entries({
	sleeps: "sleep 60",
	"hears no signal": "trap '' TERM; sleep 60 & wait; wait",
}))
	test(`a turn whose tool ${what} is cancelled in under a second`, async () => {
		using model = await modelSaying(() => calls(command));
		await using server = await openServer(config(model.agent, slow));
		using client = await server.connect();
		const { runId } = await client.call("agent.send", { message: "go" });
		await client.event("agent.tool_call");
		const before = performance.now();
		await client.call("agent.cancel", { runId });
		const { data } = await client.end(runId);
		expect(performance.now() - before).toBeLessThan(1000);
		expect(data).toMatchObject({ code: "CANCELLED", stopReason: "cancelled" });
	});

test("a repeated messageId is the first run, while it runs, afterwards and after a restart", async () => {
	const { promise, resolve } = Promise.withResolvers<FakeAnswer>();
	using model = await modelSaying(() => promise);
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	const params = { message: "once", sessionKey: KEY, messageId: "m1" };
	const [first, same] = await Promise.all([
		client.call("agent.send", params),
		client.call("agent.send", params),
	]);
	const waited = client.call("agent.send", { ...params, wait: true });
	resolve({ text: "Once." });
	expect(same.runId).toBe(first.runId);
	expect(await waited).toMatchObject({ runId: first.runId, text: "Once." });
	const later = await client.call("agent.send", { ...params, wait: true });
	expect(later).toMatchObject({ runId: first.runId, text: "Once." });
	await server.stop();
	await using restarted = await openServer(config(model.agent), server.home);
	using other = await restarted.connect();
	expect((await other.call("agent.send", params)).runId).toBe(first.runId);
	expect(
		await other.refused("agent.send", { ...params, wait: true }),
	).toMatchObject({ code: "NOT_FOUND" });
	const { messages } = await other.call("session.history", { sessionKey: KEY });
	expect(messages.map(({ content }) => content)).toEqual(["once", "Once."]);
	expect(model.llm.requests).toHaveLength(1);
});

test("the same messageId in another session is another message", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	const send = (sessionKey: string) =>
		client.call("agent.send", {
			message: "hello",
			messageId: "1",
			sessionKey,
			wait: true,
		});
	const one = await send(KEY);
	const other = await send("agent:main:ws:other");
	expect(other.runId).not.toBe(one.runId);
	expect(other.sessionKey).toBe("agent:main:ws:other");
});

const PNG =
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

test("pictures that come with a message reach the model, as bytes or from the workspace", async () => {
	using model = await modelSaying(() => ({ text: "A dot." }));
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	const workspace = join(server.home, ".aeon", "workspace");
	await client.call("tool.list");
	writeFileSync(join(workspace, "dot.png"), Buffer.from(PNG, "base64"));
	await client.call("agent.send", {
		message: "look",
		sessionKey: KEY,
		attachments: [{ name: "../a dot.png", data: PNG }, { path: "dot.png" }],
		wait: true,
	});
	const [request] = model.llm.requests;
	const content = request?.body.messages?.at(-1)?.content as {
		type: string;
		source?: unknown;
	}[];
	const source = { type: "base64", media_type: "image/png", data: PNG };
	expect(content.filter(({ type }) => type === "image")).toMatchObject([
		{ source },
		{ source },
	]);
	const { messages } = await client.call("session.history", {
		sessionKey: KEY,
	});
	const [kept, own] = messages[0]?.attachments ?? [];
	expect(kept).toEqual({
		path: expect.stringMatching(
			/\/workspace\/attachments\/[0-9a-f]{12}-a dot\.png$/,
		),
		mimeType: "image/png",
	});
	expect(own).toEqual({
		path: join(workspace, "dot.png"),
		mimeType: "image/png",
	});
	expect(readFileSync(kept?.path ?? "", "base64")).toBe(PNG);
});

test("an attachment that is not of the workspace, or no base64, is refused and nothing is said", async () => {
	using model = await modelSaying(() => ({ text: "Never." }));
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	for (const attachment of [
		{ path: "../aeon.json" },
		{ path: "/etc/passwd" },
		{ path: join(server.home, ".aeon", "token") },
		{ path: "missing.png" },
		{ path: "." },
		{ path: "" },
		{ path: "a\0b" },
		{ name: "a.png", data: "not base64!" },
		{ name: "a.png", data: "A===" },
		{ name: "a.png", data: "ABCDE" },
		{ name: "a.png" },
		{ path: "a", data: PNG, name: "b" },
	])
		expect({
			attachment,
			...(await client.refused("agent.send", {
				message: "look",
				attachments: [attachment],
			})),
		}).toMatchObject({ code: "INVALID_REQUEST" });
	expect(model.llm.requests).toEqual([]);
	expect((await client.call("session.list")).sessions).toEqual([]);
});

test("a result that was waited for has what its schema tells", async () => {
	using model = await modelSaying((_request, n) =>
		n === 0 ? calls("true") : { text: "Done." },
	);
	await using server = await openServer(config(model.agent, slow));
	using client = await server.connect();
	const frame = await client.ask({
		id: 1,
		method: "agent.send",
		params: { message: "go", wait: true },
	});
	const payload = checked(METHODS["agent.send"].payload, frame.payload);
	expect(payload).toMatchObject({
		usage: { inputTokens: 20, outputTokens: 10 },
		toolCalls: [{ name: "exec", input: { command: "true" }, success: true }],
	});
});

test("messages whose keys and ids only look alike are different ones", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	const send = async (sessionKey: string, messageId: string) =>
		(
			await client.call("agent.send", {
				message: "hello",
				sessionKey,
				messageId,
				wait: true,
			})
		).runId;
	const runs = [
		await send(KEY, "b c"),
		await send(`${KEY} b`, "c"),
		await send(KEY, "x\ud800"),
		await send(KEY, "x\ud801"),
	];
	expect(new Set(runs).size).toBe(4);
	expect(await send(KEY, "x\ud801")).toBe(runs[3] as string);
});
