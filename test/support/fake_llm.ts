// A model's API on a real socket: answers as a script says, and refuses with a 400 what the real one would refuse.

import { createServer, type Socket } from "node:net";
import {
	anthropicEvents,
	type FakeContent,
	openaiEvents,
} from "../llm/fake_events.ts";
import {
	breachOfAnthropic,
	breachOfOpenai,
	type WireBody,
} from "../llm/fake_rules.ts";
import { answerList, type FakeModels } from "./fake_models.ts";

/** How one request is answered. By default: an empty answer that ends well. */
export interface FakeAnswer extends FakeContent {
	/** The body of a 200 instead of what `text` and the others make: recorded bytes. */
	raw?: string | Uint8Array;
	/** Another status than 200, with `body` (a string as it is, anything else as JSON). */
	status?: number;
	headers?: Record<string, string>;
	body?: unknown;
	/** Silences before the event that has this in it; the content is not `raw` then. */
	pauses?: { before: string; until: Promise<unknown> }[];
	/** Bytes of the body a write; all at once by default. */
	bytesPerWrite?: number;
	/** No answer at all: the request hangs, or its connection is reset. */
	instead?: "hang" | "reset";
	/** After the content and without its end: silence, a reset, or a connection that closes cleanly. */
	ending?: "hang" | "reset" | "close";
}

/** A request as it arrived. */
export interface FakeRequest {
	path: string;
	/** Names in small letters. */
	headers: Record<string, string>;
	body: WireBody;
	/** What the last message says: of the user, or the last result of a tool. */
	lastText: string;
	/** Resolves once the connection is gone, whoever ended it. */
	closed: Promise<void>;
}

/** A running fake. */
export interface FakeLlm {
	/** For `base_url`, of either API. */
	url: string;
	/** Every request that kept the rules, in order. */
	requests: FakeRequest[];
	/** What the others did wrong; a test of somebody else's may want this empty. */
	breaches: string[];
	/** Resolves to request number `n`, counted from 0, once it has arrived. */
	arrival(n: number): Promise<FakeRequest>;
	stop(): void;
}

/** Starts a fake on a port of its own. `script` gets each request and its number, counted from 0. */
export async function startFakeLlm(options: {
	api: "anthropic" | "openai";
	script: (request: FakeRequest, n: number) => FakeAnswer | Promise<FakeAnswer>;
	/** The list of models; without it there is none, as at some servers. */
	models?: FakeModels;
}): Promise<FakeLlm> {
	const { api, script, models } = options;
	const requests: FakeRequest[] = [];
	const breaches: string[] = [];
	const sockets = new Set<Socket>();
	const waiting: (() => void)[] = [];

	const serve = async (socket: Socket, head: string, text: string) => {
		const request = readRequest(socket, head, text);
		const breach =
			api === "anthropic"
				? breachOfAnthropic(request.headers, request.body)
				: breachOfOpenai(request.body);
		if (breach) {
			breaches.push(breach);
			const error = { type: "invalid_request_error", message: breach };
			return send(socket, { status: 400, body: { type: "error", error } });
		}
		requests.push(request);
		for (const arrived of waiting.splice(0)) arrived();
		const answer = await script(request, requests.length - 1);
		const events = api === "anthropic" ? anthropicEvents : openaiEvents;
		await send(socket, {
			raw: events(answer, answer.ending === undefined),
			...answer,
		});
	};

	const server = createServer((socket) => {
		sockets.add(socket);
		socket.on("close", () => sockets.delete(socket));
		// A reset by either side is part of the play.
		socket.on("error", () => socket.destroy());
		let bytes = Buffer.alloc(0);
		socket.on("data", (chunk) => {
			bytes = Buffer.concat([bytes, Buffer.from(chunk)]);
			const end = bytes.indexOf("\r\n\r\n");
			if (end < 0) return;
			const head = bytes.subarray(0, end).toString();
			if (head.startsWith("GET "))
				return void send(socket, answerList(api, models, head));
			const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
			const body = bytes.subarray(end + 4, end + 4 + length);
			if (body.length < length) return;
			bytes = bytes.subarray(end + 4 + length);
			void serve(socket, head, body.toString());
		});
	});
	await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
	const address = server.address();
	const port = typeof address === "object" ? address?.port : undefined;

	return {
		url: `http://127.0.0.1:${port}`,
		requests,
		breaches,
		async arrival(n) {
			for (;;) {
				const request = requests[n];
				if (request) return request;
				await new Promise<void>((arrived) => waiting.push(arrived));
			}
		},
		stop() {
			for (const socket of sockets) socket.destroy();
			server.close();
		},
	};
}

/** True of a request for a turn's answer: whoever sums a conversation up is offered no tools. */
export function isOfTurn({ body }: FakeRequest): boolean {
	return (body.tools?.length ?? 0) > 0;
}

/** What a request's last message says, without the time that Aeon puts before it. */
export function said({ lastText }: FakeRequest): string {
	return lastText.replace(/^\[[^\]]* [+-]\d\d:\d\d\] /, "");
}

/** A model that is asked and does not answer before it is told to. */
export function gated() {
	const gate = Promise.withResolvers<void>();
	return {
		open: () => gate.resolve(),
		async answer(text: string): Promise<FakeAnswer> {
			await gate.promise;
			return { text };
		},
	};
}

function readRequest(socket: Socket, head: string, text: string): FakeRequest {
	const [first = "", ...lines] = head.split("\r\n");
	const body = JSON.parse(text) as WireBody;
	return {
		path: first.split(" ")[1] ?? "",
		headers: Object.fromEntries(
			lines.map((line) => {
				const colon = line.indexOf(":");
				return [
					line.slice(0, colon).toLowerCase(),
					line.slice(colon + 1).trim(),
				];
			}),
		),
		body,
		lastText: readText(body.messages?.at(-1)?.content),
		closed: new Promise((resolve) => socket.once("close", () => resolve())),
	};
}

/** The last text in a content, of either API's shape. */
function readText(content: unknown): string {
	if (typeof content === "string") return content;
	if (!Array.isArray(content)) return "";
	const block = content.findLast(({ type }) => type !== "image");
	return block?.text ?? readText(block?.content);
}

async function send(socket: Socket, answer: FakeAnswer): Promise<void> {
	if (answer.instead === "hang") return;
	if (answer.instead === "reset") return void socket.resetAndDestroy();
	const { status = 200, body = "" } = answer;
	const json = typeof body === "string" ? body : JSON.stringify(body);
	const bytes = Buffer.from(status === 200 ? (answer.raw ?? json) : json);
	const headers = {
		"content-type": status === 200 ? "text/event-stream" : "application/json",
		"transfer-encoding": "chunked",
		connection: "close",
		...answer.headers,
	};
	const lines = Object.entries(headers).map(
		([name, value]) => `${name}: ${value}`,
	);
	socket.setNoDelay(true);
	socket.write(`HTTP/1.1 ${status} Status\r\n${lines.join("\r\n")}\r\n\r\n`);
	let written = 0;
	for (const { before, until } of answer.pauses ?? []) {
		const at = bytes.lastIndexOf("\n\n", bytes.indexOf(before)) + 2;
		await write(socket, bytes.subarray(written, at), answer.bytesPerWrite);
		written = at;
		await until;
	}
	await write(socket, bytes.subarray(written), answer.bytesPerWrite);
	if (answer.ending === "hang") return;
	// What was written has to be on its way before a reset throws the rest away.
	if (answer.ending === "reset") {
		await new Promise((sent) => setTimeout(sent, 20));
		return void socket.resetAndDestroy();
	}
	socket.end("0\r\n\r\n");
}

/** Writes bytes as chunks, so many a chunk; all at once by default. */
async function write(
	socket: Socket,
	bytes: Buffer,
	bytesPerWrite?: number,
): Promise<void> {
	const step = bytesPerWrite ?? Math.max(bytes.length, 1);
	for (let at = 0; at < bytes.length && !socket.destroyed; at += step) {
		const piece = bytes.subarray(at, at + step);
		await new Promise((sent) => {
			const size = piece.length.toString(16);
			socket.write(
				Buffer.concat([Buffer.from(`${size}\r\n`), piece, Buffer.from("\r\n")]),
				sent,
			);
		});
		if (bytesPerWrite) await new Promise(setImmediate);
	}
}
