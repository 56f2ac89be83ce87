import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Connection } from "../../src/remote/connection.ts";
import { homeWithModel } from "../commands/home_with_model.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { connectDialog, SESSION } from "./remote.ts";

/** Why this address cannot be connected to. */
async function failure(url: string, token: string, firstMs = 2_000) {
	try {
		await Connection.open({ locate: () => ({ url, token }), firstMs });
	} catch (error) {
		const { code, message } = error as { code: string; message: string };
		return { code, message };
	}
	return undefined;
}

/** A server that says this to whoever connects. */
async function listener(answer: string) {
	const server = createServer((socket) => {
		socket.on("error", () => {});
		socket.on("data", () => void (answer && socket.end(answer)));
	});
	await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
	const { port } = server.address() as { port: number };
	return {
		url: `ws://127.0.0.1:${port}`,
		[Symbol.dispose]: () => void server.close(),
	};
}

test("why a server cannot be talked to is said in a sentence", async () => {
	using it = await homeWithModel([], ANY_PORT);
	using serve = await startServe(it.home);
	const { url, token } = serve.presence;
	expect(await failure(url, token)).toBeUndefined();
	expect(await failure(url, "wrong")).toEqual({
		code: "unauthorized",
		message: `${url}: the token is wrong`,
	});
	const byNumber = url.replace("127.0.0.1", "0.0.0.0");
	expect(await failure(byNumber, token)).toEqual({
		code: "forbidden",
		message: `${byNumber}: the server may not be asked for by this name`,
	});
	expect(await failure(`${url}/nowhere`, token)).toEqual({
		code: "not_found",
		message: `${url}/nowhere takes no client: it says 404`,
	});
	expect(await failure(url, "with a\nline end")).toEqual({
		code: "usage",
		message: `${url} cannot be opened with this token`,
	});
	expect(await failure("ws://127.0.0.1:9", token)).toEqual({
		code: "not_found",
		message:
			"ws://127.0.0.1:9 cannot be reached (ECONNREFUSED): is aeon serve running there?",
	});
	using mute = await listener("");
	expect(await failure(mute.url, token, 100)).toEqual({
		code: "timeout",
		message: `${mute.url} does not answer`,
	});
	using web = await listener("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
	expect(await failure(web.url, token)).toEqual({
		code: "not_found",
		message: `${web.url} takes no client: it says 200`,
	});
});

test("a WebSocket server that is none of Aeon's is said to be none", async () => {
	using other = Bun.serve({
		port: 0,
		fetch(request, server) {
			const headers = { "Sec-WebSocket-Protocol": "chat" };
			return server.upgrade(request, { headers }) ? undefined : new Response();
		},
		websocket: { message() {} },
	});
	const url = `ws://127.0.0.1:${other.port}`;
	expect(await failure(url, "token")).toEqual({
		code: "not_found",
		message: `${url} cannot be reached (Mismatch client protocol): is aeon serve running there?`,
	});
});

test("a message is stopped that is hardly on its way", async () => {
	using it = await homeWithModel([{ text: "Half", ending: "hang" }], ANY_PORT);
	using _serve = await startServe(it.home);
	using dialog = await connectDialog(it.home);
	const said = dialog.say("talk");
	expect(await dialog.host.cancel(SESSION)).toBe(true);
	expect(await said).toMatchObject({ error: { code: "cancelled" } });
});

test("a message that is larger than the server takes is refused here, and the connection lives", async () => {
	using it = await homeWithModel([{ text: "Here." }], ANY_PORT);
	using _serve = await startServe(it.home);
	using dialog = await connectDialog(it.home);
	await expect(dialog.say("x".repeat(1024 * 1024))).rejects.toMatchObject({
		code: "too_large",
		message:
			"The message is too large: the server takes 1048576 bytes at a time",
	});
	expect((await dialog.say("short")).text).toBe("Here.");
});

test("a message that cannot be taken is refused in the words of a chat without a server", async () => {
	using it = await homeWithModel([{ text: "Here." }], ANY_PORT);
	using _serve = await startServe(it.home);
	using dialog = await connectDialog(it.home);
	await expect(dialog.say(" ")).rejects.toMatchObject({
		code: "usage",
		message: "The message is empty.",
	});
	await expect(dialog.say("hi", "agent:nobody:cli:x")).rejects.toMatchObject({
		code: "not_found",
		message: 'There is no agent "nobody": agents are main',
	});
	expect((await dialog.say("hi")).text).toBe("Here.");
});

test("messages of a session are answered in the order in which they were said, also where there is room for no more", async () => {
	const waits = "until [ -e go ]; do sleep 0.01; done";
	const numbers = Array.from({ length: 21 }, (_, n) => `${n}`);
	using it = await homeWithModel(
		[
			{ toolCalls: [{ name: "exec", input: { command: waits } }] },
			...numbers.map((n) => ({ text: `Answer ${n}.` })),
		],
		{
			...ANY_PORT,
			tools: { exec: { approval: "allow" } },
			// The model has its answers in order, and none for a summary.
			compaction: { at: 0 },
		},
	);
	using _serve = await startServe(it.home);
	using dialog = await connectDialog(it.home);
	const said = numbers.map((n) => dialog.say(n));
	await expect(dialog.say("one too many")).rejects.toMatchObject({
		code: "busy",
		message:
			"20 messages are waiting in this session already: wait for an answer, or send /stop.",
	});
	writeFileSync(join(it.home, ".aeon/workspace/go"), "");
	const results = await Promise.all(said);
	expect(results.map(({ text }) => text)).toEqual(
		numbers.map((n) => `Answer ${n}.`),
	);
	const asked = it.llm.requests.map(({ body }) =>
		body.messages?.findLast(({ role }) => role === "user"),
	);
	expect(
		asked.map((message) => /\d+$/.exec(String(message?.content))?.[0]),
	).toEqual(["0", ...numbers]);
});

test("of others' turns in the same session nothing is shown", async () => {
	using it = await homeWithModel(
		[{ text: "One." }, { text: "Two." }],
		ANY_PORT,
	);
	using _serve = await startServe(it.home);
	using dialog = await connectDialog(it.home);
	using other = await connectDialog(it.home);
	await dialog.say("hi");
	await other.say("hi");
	for (const one of [dialog, other])
		expect(new Set(one.events.map(({ runId }) => runId)).size).toBe(1);
});

test("a command is obeyed by the server, and its model is asked from then on", async () => {
	using it = await homeWithModel([{ text: "Here." }], ANY_PORT);
	using _serve = await startServe(it.home);
	using dialog = await connectDialog(it.home);
	const context = { sessionKey: SESSION };
	const ask = (line: string) => dialog.host.command(line, context);
	expect(await ask("no command")).toBeUndefined();
	expect(await ask("/etc/passwd is what?")).toBeUndefined();
	expect(await ask("/model b")).toEqual({
		text: "b answers from now on.",
		model: "b",
	});
	expect(await ask("/nope")).toEqual({
		text: "There is no command /nope. /help lists them.",
	});
	await dialog.host.receive({ sessionKey: SESSION, text: "hi", model: "b" });
	expect(it.llm.requests[0]?.body.model).toBe("b");
});

test("the token and the address are those of the server that runs now", async () => {
	using it = await homeWithModel(
		[{ text: "One." }, { text: "Two." }],
		ANY_PORT,
	);
	using serve = await startServe(it.home);
	using dialog = await connectDialog(it.home);
	await dialog.say("hi");
	await serve.end("SIGTERM");
	const token = join(it.home, ".aeon/token");
	await Bun.write(token, "a-token-of-another-kind-0123456789-ABCDEFGHIJ\n");
	using again = await startServe(it.home);
	expect(again.presence.token).not.toBe(serve.presence.token);
	expect((await dialog.say("hi")).text).toBe("Two.");
});
