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
	const mask = masked?.subarray(2, 6) ?? Buffer.alloc(4);
	const payload = Buffer.from(masked?.subarray(6) ?? []);
	const unmasked = payload.map((byte, at) => byte ^ (mask[at & 3] ?? 0));
	expect(masked?.[1]).toBe(0x80 | unmasked.length);
	expect(Buffer.from(unmasked).toString("hex")).toBe(
		first?.bytes.toString("hex") ?? "",
	);
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
	using socket = await openRawSocket(
		server.port,
		request
			.replace("127.0.0.1:7777", `127.0.0.1:${server.port}`)
			.replace(/Bearer \S+/, `Bearer ${server.token}`)
			.replaceAll("\n", "\r\n"),
	);
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
