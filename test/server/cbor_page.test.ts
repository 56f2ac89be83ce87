import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decode, encode } from "cborg";
import { requestFrame } from "../../src/server/frames.ts";
import { METHODS } from "../../src/server/protocol.ts";
import { config, modelSaying, openServer } from "../support/server.ts";
import { checked, checkedEvent } from "../support/wire.ts";
import { annotate, bytesOf } from "./cbor_notes.ts";
import { openRawSocket } from "./raw_socket.ts";

const page = readFileSync(join(import.meta.dir, "../../docs/cbor.md"), "utf8");
const blocks = [...page.matchAll(/^```text\n([\s\S]*?)^```$/gm)].map(
	(match) => match[1]?.trimEnd() ?? "",
);

/** The frames of the page's conversation: who says it, its JSON, its bytes with notes. */
const frames = blocks.flatMap((block) => {
	const [, arrow = "", json = "", hex = ""] =
		/^([→←]) (\{.*\})\n([\s\S]*)$/.exec(block) ?? [];
	return arrow ? [{ arrow, json, hex, bytes: bytesOf(hex) }] : [];
});

/** The frames that are shown with their headers. */
const whole = blocks
	.filter((block) => block.startsWith("82 "))
	.map((block) => bytesOf(block));

/** Those of pings and of the end, in the page's order. */
const [ping, pong, leaving, left, ending, ended] = blocks
	.filter((block) => /^8[89a] /.test(block))
	.map(bytesOf);

const [request = "", response = ""] = blocks.filter((block) =>
	/^(GET|HTTP)/.test(block),
);

test("each frame of docs/cbor.md is its JSON in CBOR, as its notes say", () => {
	expect(frames.length).toBeGreaterThan(12);
	for (const { json, hex, bytes } of frames) {
		expect(decode(bytes)).toEqual(JSON.parse(json));
		expect(hex).toBe(annotate(encode(JSON.parse(json))));
	}
});

test("its frames with their headers are two of them: one masked, one not", () => {
	const [masked, plain] = whole;
	const [first] = frames.filter(({ arrow }) => arrow === "→");
	const [answer] = frames.filter(({ arrow }) => arrow === "←");
	expect(unmasked(masked)).toBe(first?.bytes.toString("hex") ?? "");
	expect(plain?.[1]).toBe(plain ? plain.length - 2 : undefined);
	expect(plain?.subarray(2).toString("hex")).toBe(
		answer?.bytes.toString("hex"),
	);
});

test("a real server has the page's conversation, byte for byte", async () => {
	const acknowledged = Promise.withResolvers<void>();
	using model = await modelSaying(async (_request, n) => {
		await acknowledged.promise;
		const usage = { input: 1284, output: 37 };
		const model = "claude-haiku-4-5";
		return n === 0
			? {
					toolCalls: [{ name: "file_read", input: { path: "garden.txt" } }],
					usage,
					model,
				}
			: { text: ["Rain, ", "tomorrow ☔"], usage, model };
	});
	await using server = await openServer(config(model.agent));
	const workspace = join(server.home, ".aeon", "workspace");
	mkdirSync(workspace, { recursive: true });
	writeFileSync(join(workspace, "garden.txt"), "tomorrow: rain\n");
	using socket = await openRawSocket(server.port, handshake(server));
	expect(socket.head.split("\r\n").sort().filter(isOfTheProtocol)).toEqual(
		response.split("\n").sort(),
	);
	const names = new Map<string, string>();
	const methods = new Map<unknown, keyof typeof METHODS>();
	let isFirst = true;
	for (const { arrow, json, bytes } of frames) {
		const frame = JSON.parse(json);
		if (arrow === "→") {
			requestFrame.parse(frame);
			methods.set(frame.id, frame.method);
			if (isFirst && whole[0]) socket.write(whole[0]);
			else socket.send(bytes);
			isFirst = false;
			continue;
		}
		const { payload } = await socket.next();
		const told = decode(payload);
		// The server's bytes are those of the library; what differs each time is named as on the page.
		expect(payload).toEqual(Buffer.from(encode(told)));
		const { runId } = told.payload ?? told.data ?? {};
		if (runId) names.set(runId, "run-5f1c");
		expect(renamed(told, names)).toEqual(frame);
		if (frame.type === "event") checkedEvent(frame);
		const method = methods.get(frame.id);
		if (frame.type === "response" && method)
			checked(METHODS[method].payload, frame.payload);
		if (runId && frame.type === "response") acknowledged.resolve();
	}
});

test("a real server pings a silent client, and both say when they leave, as the page shows", async () => {
	await using server = await openServer(
		config(undefined, { server: { idle_seconds: 8 } }),
	);
	using one = await openRawSocket(server.port, handshake(server));
	expect((await one.next()).bytes).toEqual(bytes(ping));
	one.write(bytes(pong));
	one.write(bytes(leaving));
	expect((await one.next()).bytes).toEqual(bytes(left));
	using other = await openRawSocket(server.port, handshake(server));
	const stopped = server.stop();
	expect(decode((await other.next()).payload).event).toBe("server.shutdown");
	expect((await other.next()).bytes).toEqual(bytes(ending));
	other.write(bytes(ended));
	await stopped;
	// What a client sends back says the same.
	expect(unmasked(pong)).toBe("");
	expect(unmasked(leaving)).toBe("03e8");
	expect(unmasked(ended)).toBe("03e9");
});

test("frames of each length have the headers of its table, both ways", async () => {
	const rows = [
		...page.matchAll(/ here ([\d,]+) +\| `([^`]*)` +\| `([^`]*)`/g),
	];
	expect(rows.length).toBe(3);
	await using server = await openServer(config());
	using socket = await openRawSocket(server.port, handshake(server));
	const mask = Buffer.alloc(4);
	for (const [, size = "", theirs = "", ours = ""] of rows) {
		const length = Number(size.replace(",", ""));
		const asked = padded(length, { method: "x" });
		socket.write(Buffer.concat([bytesOf(ours), mask, asked]));
		const refused = decode((await socket.next()).payload);
		expect(refused).toMatchObject({ id: decode(asked).id, type: "error" });
		const answer = padded(length, refused);
		socket.send(encode({ id: decode(answer).id, method: "x" }));
		const expected = Buffer.concat([bytesOf(theirs), answer]);
		expect((await socket.next()).bytes.equals(expected)).toBe(true);
	}
});

test("with its aeon.json a server can be reached by the names that are in it", async () => {
	const [, json = ""] = /^```json\n([\s\S]*?)^```$/m.exec(page) ?? [];
	const token = "0123456789abcdef".repeat(4);
	const { server: section } = JSON.parse(json.replace("${AEON_TOKEN}", token));
	await using server = await openServer(config(undefined, { server: section }));
	for (const name of [...section.hosts, "elsewhere"]) {
		const asked = handshake(server, name);
		using socket = await openRawSocket(server.port, asked);
		const status = name === "elsewhere" ? "403" : "101";
		expect(socket.head).toStartWith(`HTTP/1.1 ${status} `);
	}
});

/** The page's handshake for a server that runs, which it calls by this name. */
function handshake(
	{ port, token }: { port: number; token: string },
	name = "127.0.0.1",
): string {
	return request
		.replace("127.0.0.1:7777", `${name}:${port}`)
		.replace(/Bearer \S+/, `Bearer ${token}`)
		.replaceAll("\n", "\r\n");
}

/** Such a frame in so many bytes: its id is as long as that takes. */
function padded(length: number, frame: object): Uint8Array {
	const sized = (size: number) => encode({ ...frame, id: "x".repeat(size) });
	let size = length - sized(0).length;
	while (sized(size).length > length) size--;
	return sized(size);
}

/** What a client's short frame says, in hex. */
function unmasked(frame: Buffer | undefined): string {
	const mask = bytes(frame).subarray(2, 6);
	const payload = bytes(frame).subarray(6);
	expect(bytes(frame)[1]).toBe(0x80 | payload.length);
	return Buffer.from(
		payload.map((byte, at) => byte ^ (mask[at & 3] ?? 0)),
	).toString("hex");
}

function bytes(frame: Buffer | undefined): Buffer {
	if (!frame) throw new Error("the page has no such frame");
	return frame;
}

function isOfTheProtocol(line: string): boolean {
	return !/^(Date|Content-Length):/i.test(line);
}

/** With the names that the page has for what is new each time. */
function renamed(value: unknown, names: Map<string, string>): unknown {
	return JSON.parse(JSON.stringify(value), (_key, part) =>
		typeof part === "string"
			? (names.get(part) ?? part.replace(/^evt-\w+-/, "evt-mws-"))
			: part,
	);
}
