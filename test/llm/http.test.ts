import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { post } from "../../src/llm/http.ts";
import {
	type FakeAnswer,
	type FakeLlm,
	startFakeLlm,
} from "../support/fake_llm.ts";
import {
	ask,
	asking,
	createAnthropic,
	createOpenai,
	failure,
	KEY,
	never,
	rejection,
} from "./asking.ts";

let fake: FakeLlm | undefined;
let server: Server | undefined;
afterEach(() => {
	fake?.stop();
	server?.close();
});

async function answering(answer: FakeAnswer): Promise<FakeLlm> {
	fake = await startFakeLlm({ api: "anthropic", script: () => answer });
	return fake;
}

const host = () => new URL(fake?.url ?? "").host;

describe("a far side that keeps silent is given up", () => {
	test("before its answer", async () => {
		const { url } = await answering({ instead: "hang" });
		const client = createAnthropic(url, { headers_timeout_ms: 20 });
		expect(await failure(ask(client))).toEqual({
			code: "llm_unavailable",
			message: `${host()} did not answer within 0.02 s`,
		});
	});

	test("in the middle of its answer", async () => {
		const { url } = await answering({ text: "Once", ending: "hang" });
		const client = createAnthropic(url, { silence_timeout_ms: 20 });
		expect(await failure(ask(client))).toEqual({
			code: "llm_unavailable",
			message: `${host()} fell silent for 0.02 s`,
		});
	});

	test("when all in all it takes too long, though it says something all the time", async () => {
		const { url } = await answering({
			raw: ": ping\n".repeat(100_000),
			bytesPerWrite: 7,
		});
		const client = createAnthropic(url, { total_timeout_ms: 50 });
		expect(await failure(ask(client))).toEqual({
			code: "llm_unavailable",
			message: `${host()} did not finish within 0.05 s`,
		});
	});

	test("in the body of an error, which is then told without", async () => {
		server = createServer((socket) => {
			socket.once("data", () => {
				socket.write("HTTP/1.1 503 x\r\ncontent-length: 99\r\n\r\noops");
			});
		});
		const url = await listen(server);
		const client = createOpenai(url, { silence_timeout_ms: 20 });
		expect(await failure(ask(client))).toEqual({
			code: "llm_unavailable",
			message: `${new URL(url).host} said 503: oops`,
		});
	});
});

describe("a comment is a sign of life", () => {
	test("and keeps a slow answer going", async () => {
		const { url } = await answering({
			raw: `${": ping\n".repeat(60)}\ndata: {"type":"message","content":[{"type":"text","text":"at last"}],"stop_reason":"end_turn"}\n\n`,
			bytesPerWrite: 7,
		});
		const client = createAnthropic(url, { silence_timeout_ms: 2_000 });
		expect((await ask(client))[0]).toEqual({
			type: "text_delta",
			text: "at last",
		});
	});
});

describe("an abort rethrows its reason at once", () => {
	const states: [state: string, answer: FakeAnswer][] = [
		["before the headers", { instead: "hang" }],
		["before the first event", { raw: ": nothing yet\n", ending: "hang" }],
		["in the middle of the answer", { text: "Once", ending: "hang" }],
	];
	for (const [state, answer] of states) {
		test(state, async () => {
			const { url, arrival } = await answering(answer);
			const control = new AbortController();
			const reason = new Error("stopped by the person");
			const asked = rejection(
				ask(createAnthropic(url), asking(), control.signal),
			);
			const { closed } = await arrival(0);
			control.abort(reason);
			expect(await asked).toBe(reason);
			await closed;
		});
	}

	test("in the body of an error", async () => {
		const control = new AbortController();
		const reason = new Error("stopped by the person");
		server = createServer((socket) => {
			socket.once("data", () => {
				socket.write("HTTP/1.1 503 x\r\ncontent-length: 99\r\n\r\noops", () =>
					setImmediate(() => control.abort(reason)),
				);
			});
		});
		const client = createOpenai(await listen(server));
		expect(await rejection(ask(client, asking(), control.signal))).toBe(reason);
	});
});

test("leaving the answer early closes the connection", async () => {
	const { url, arrival } = await answering({ text: "Once", ending: "hang" });
	for await (const event of createAnthropic(url).streamCompletion(
		asking(),
		never,
	)) {
		expect(event).toEqual({ type: "text_delta", text: "Once" });
		break;
	}
	await (await arrival(0)).closed;
});

describe("a connection that fails is unavailable", () => {
	test("when nobody listens, with a hint for a local server", async () => {
		server = createServer();
		const url = await listen(server);
		server.close();
		const error = await rejection(ask(createOpenai(url)));
		expect(error).toMatchObject({
			code: "llm_unavailable",
			message: `${new URL(url).host} cannot be reached (ECONNREFUSED)`,
			hint: "Is the local model server running?",
		});
	});

	test("when it is reset instead of an answer", async () => {
		const { url } = await answering({ instead: "reset" });
		expect(await failure(ask(createAnthropic(url)))).toEqual({
			code: "llm_unavailable",
			message: `${host()} cannot be reached (ECONNRESET)`,
		});
	});

	test("when it is reset in the middle", async () => {
		const { url } = await answering({ text: "Once", ending: "reset" });
		expect(await failure(ask(createAnthropic(url)))).toEqual({
			code: "llm_unavailable",
			message: `the connection to ${host()} broke off (ECONNRESET)`,
		});
	});

	test("when it closes in the middle as if that were the end", async () => {
		const { url } = await answering({ text: "Once", ending: "close" });
		expect(await failure(ask(createAnthropic(url)))).toEqual({
			code: "llm_unavailable",
			message: `the answer of ${host()} broke off`,
		});
	});
});

test("a failing status has code, message, status, hint and the time to wait", async () => {
	const { url } = await answering({
		status: 429,
		headers: { "retry-after": "3" },
		body: { error: { type: "rate_limit_error", message: `slow down, ${KEY}` } },
	});
	expect(await rejection(ask(createAnthropic(url)))).toMatchObject({
		code: "llm_unavailable",
		message: `${host()} said 429: slow down, ***`,
		status: 429,
		retryAfterMs: 3000,
	});
});

test("a redirect is not followed, so the key stays with the host it is for", async () => {
	const other = await startFakeLlm({ api: "anthropic", script: () => ({}) });
	const { url } = await answering({
		status: 307,
		headers: { location: `${other.url}/v1/messages` },
	});
	expect(await failure(ask(createAnthropic(url)))).toMatchObject({
		code: "llm_rejected",
	});
	expect(other.requests).toEqual([]);
	other.stop();
});

test("every request has a connection of its own, since a kept one may be dead", async () => {
	let connections = 0;
	const body = '{"choices": [{"message": {"content": "Hello."}}]}';
	server = createServer((socket) => {
		connections++;
		socket.on("data", () => {
			socket.write(
				`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
			);
		});
	});
	const client = createOpenai(await listen(server));
	await ask(client);
	await ask(client);
	expect(connections).toBe(2);
});

test("a web page is not an answer", async () => {
	const { url } = await answering({
		raw: "<html>Welcome!</html>",
		headers: { "content-type": "text/html; charset=utf-8" },
	});
	expect(await rejection(ask(createAnthropic(url)))).toMatchObject({
		code: "llm_rejected",
		message: `${host()} sent a web page, not an answer`,
		hint: "Check base_url.",
	});
});

async function listen(server: Server): Promise<string> {
	await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
	const address = server.address();
	return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

test("what arrived before a connection was reset is kept, however close behind it the reset came", async () => {
	const server = createServer((socket) => {
		socket.on("error", () => socket.destroy());
		socket.once("data", () => {
			const head =
				"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
			socket.write(head);
			for (let n = 0; n < 20; n++)
				socket.write(`4\r\n${String(n).padStart(3)},\r\n`);
			setImmediate(() => socket.resetAndDestroy());
		});
	});
	await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
	const { port } = server.address() as { port: number };
	for (let n = 0; n < 20; n++) {
		const timeouts = { headersMs: 5000, silenceMs: 5000, totalMs: 5000 };
		const endpoint = {
			url: `http://127.0.0.1:${port}/`,
			host: "fake",
			headers: {},
			secrets: [],
			timeouts,
		};
		let text = "";
		let broke: unknown;
		try {
			for await (const bytes of post(
				endpoint,
				{},
				new AbortController().signal,
			))
				text += Buffer.from(bytes);
		} catch (error) {
			broke = error;
		}
		expect(text.split(",")).toHaveLength(21);
		expect(broke).toMatchObject({ code: "llm_unavailable" });
	}
	server.close();
});
