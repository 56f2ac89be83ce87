import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { encode } from "cborg";
import { buildClient, compiler } from "./cbor_client.ts";

if (!compiler)
	console.warn("SKIPPED: there is no cc here that builds cbor-client.c");
const testWithCompiler = test.skipIf(!compiler);
let client: ReturnType<typeof buildClient>;
beforeAll(() => {
	if (compiler) client = buildClient();
});
afterAll(() => {
	if (compiler) rmSync(client.folder, { recursive: true });
});

/** A frame of a server (RFC 6455 section 5.2); `first` is its first byte. */
function frame(first: number, payload: Uint8Array): Buffer {
	const { length } = payload;
	const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
	head[0] = first;
	head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
	if (head.length === 4) head.writeUInt16BE(length, 2);
	if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
	return Buffer.concat([head, payload]);
}

/** A server that says this as soon as it is asked, so many bytes at a time; gives what the client said after its handshake. */
async function saying(bytes: Buffer, step: number) {
	let heard = Buffer.alloc(0);
	const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
	const all = Buffer.concat([Buffer.from(head), bytes]);
	const server = createServer(async (socket) => {
		socket.on("error", () => {});
		socket.setNoDelay(true);
		await new Promise((asked) => socket.once("data", asked));
		socket.on("data", (data) => {
			heard = Buffer.concat([heard, Buffer.from(data)]);
		});
		for (let at = 0; at < all.length; at += step)
			await new Promise((sent) =>
				socket.write(all.subarray(at, at + step), () => setImmediate(sent)),
			);
	});
	await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
	const address = server.address();
	const port = address && typeof address === "object" ? address.port : 0;
	const ran = await client.run("127.0.0.1", port, "token", "hi");
	server.close();
	return { ...ran, heard };
}

const SENT = {
	id: "send",
	type: "response",
	payload: { runId: "r", sessionKey: "s" },
};
const SUBSCRIBED = { id: "subscribe", type: "response", payload: { ok: true } };
const told = (event: string, data: object) => ({
	id: "e",
	type: "event",
	event,
	data: { runId: "r", ...data },
});

/** Every kind of thing that CBOR has, under keys that the client does not know. */
const STRANGE = [
	0,
	23,
	24,
	255,
	256,
	65_535,
	65_536,
	2 ** 32,
	-1,
	-500,
	1.5,
	0.1,
	1e300,
	true,
	false,
	null,
	undefined,
	new Uint8Array(300),
	"x".repeat(300),
	[[], {}, [1, { text: "no" }]],
	{ runId: "no", data: { text: "no" } },
];

testWithCompiler(
	"frames in pieces, long ones, pings and everything that CBOR has are read",
	async () => {
		const unknown = Object.fromEntries(
			STRANGE.map((value, n) => [`k${n}`, value]),
		);
		const delta = encode({
			...told("agent.delta", { ...unknown, text: "Hällo " }),
			...unknown,
		});
		const big = encode({
			...told("session.updated", {}),
			pad: "x".repeat(70_000),
		});
		const done = encode(told("agent.done", { text: "Hällo you" }));
		const none = new Uint8Array();
		const bytes = Buffer.concat([
			frame(0x89, Buffer.from("one")),
			frame(0x82, encode(SENT)),
			frame(0x82, encode(told("agent.delta", { text: "too early" }))),
			frame(0x82, encode(SUBSCRIBED)),
			frame(0x02, delta.subarray(0, 10)),
			frame(0x89, Buffer.alloc(125, "p")),
			frame(0x00, delta.subarray(10, 600)),
			frame(0x8a, none),
			frame(0x80, delta.subarray(600)),
			frame(0x82, encode(told("agent.delta", { runId: "other", text: "no" }))),
			frame(0x82, encode(told("agent.done", { runId: "other", text: "no" }))),
			frame(0x82, big),
			// Tagged, and with keys that are numbers.
			frame(
				0x82,
				Buffer.concat([
					Buffer.from("d9d9f7a301020304", "hex"),
					Buffer.from("6962656c6f6e67696e67", "hex"),
					Buffer.from("f6", "hex"),
				]),
			),
			frame(0x02, encode(told("agent.delta", { text: "you" }))),
			frame(0x80, none),
			frame(0x82, done),
		]);
		for (const step of [bytes.length + 1_000, 1_013, 61]) {
			const { heard, ...ran } = await saying(bytes, step);
			expect(ran).toEqual({ out: "Hällo you\n", err: "", code: 0 });
			const sent = framesOf(heard);
			const pongs = sent.filter(({ first }) => first === 0x8a);
			expect(pongs.map(({ text }) => text)).toEqual(["one", "p".repeat(125)]);
			const masks = new Set(sent.map(({ mask }) => mask));
			expect(masks.size).toBe(sent.length);
		}
	},
);

testWithCompiler(
	"a server that sends nonsense is left, and nothing is written where it may not be",
	async () => {
		const listening = [
			frame(0x82, encode(SENT)),
			frame(0x82, encode(SUBSCRIBED)),
		];
		const after = (event: string, text: string) =>
			Buffer.concat([...listening, frame(0x82, encode(told(event, { text })))]);
		const long = { code: "c".repeat(999), message: "m".repeat(999) };
		const key = "k".repeat(999);
		const bad: [Buffer, number, RegExp][] = [
			[frame(0x81, encode(SENT)), 1, /does not speak aeon\.v1\.cbor/],
			[frame(0xc2, encode(SENT)), 1, /does not speak/],
			[Buffer.from([0x82, 0x81, 0, 0, 0, 0, 0]), 1, /does not speak/],
			[frame(0x89, Buffer.alloc(126)), 1, /breaks the rules/],
			[frame(0x82, Buffer.from([0xbf, 0xff])), 1, /no CBOR/],
			[frame(0x82, Buffer.from([0x1c])), 1, /no CBOR/],
			[frame(0x82, Buffer.from([0xa1])), 1, /half a message/],
			[frame(0x82, Buffer.alloc(100_000, 0x81)), 1, /nested too deep/],
			[frame(0x82, Buffer.alloc(100_000, 0xc1)), 1, /nested too deep/],
			[frame(0x88, Buffer.from([3, 0xe9])), 2, /server has closed it/],
			[frame(0x82, encode({ type: "error", ...long })), 1, /^c{31}: m{239}$/],
			[frame(0x82, encode({ [key]: { [key]: "" }, type: "error" })), 1, /^$/],
			[Buffer.from([0x82, 0x7f, ...Array(9).fill(0xff)]), 1, /no CBOR/],
			[after("agent.delta", "x".repeat(8_192)), 1, /longer than TEXT_MAX/],
			[after("agent.done", "lost"), 2, /were lost/],
		];
		for (const [bytes, code, err] of bad) {
			const ran = await saying(bytes, bytes.length + 1_000);
			expect({ code: ran.code, err: ran.err.trim() }).toEqual({
				code,
				err: expect.stringMatching(err),
			});
			expect(ran.err).not.toMatch(/Sanitizer|runtime error/);
		}
	},
);

testWithCompiler("while a person is asked it says what", async () => {
	const asked = { command: "rm -r roses", sessionKey: "s" };
	const bytes = [
		SENT,
		SUBSCRIBED,
		told("approval.requested", asked),
		told("agent.done", { text: "" }),
	].map((one) => frame(0x82, encode(one)));
	const { err, code } = await saying(Buffer.concat(bytes), 1_000_000);
	const expected = { err: "A person is asked: rm -r roses\n", code: 0 };
	expect({ err, code }).toEqual(expected);
});

/** What a client has sent, unmasked. */
function framesOf(bytes: Buffer) {
	const found: { first: number; mask: string; text: string }[] = [];
	for (let at = 0; at < bytes.length; ) {
		const size = (bytes[at + 1] ?? 0) & 0x7f;
		const mask = bytes.subarray(at + 2, at + 6);
		const payload = Buffer.from(bytes.subarray(at + 6, at + 6 + size)).map(
			(byte, n) => byte ^ (mask[n & 3] ?? 0),
		);
		found.push({
			first: bytes[at] ?? 0,
			mask: mask.toString("hex"),
			text: Buffer.from(payload).toString(),
		});
		at += 6 + size;
	}
	return found;
}
