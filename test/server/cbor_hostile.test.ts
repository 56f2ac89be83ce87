import { expect, test } from "bun:test";
import { encode } from "cborg";
import { config, openServer } from "../support/server.ts";
import { cborClient } from "./cbor_client.ts";

const KEY = "agent:main:ws:tests";

test("what is no CBOR, or no request, is answered and harms nothing", async () => {
	await using server = await openServer(config());
	using client = await cborClient(server);
	const bytes: [string | number[], object][] = [
		["{}", { id: null, code: "PARSE_ERROR" }],
		['{"id":1,"method":"ping"}', { id: null, code: "PARSE_ERROR" }],
		[[], { id: null, code: "PARSE_ERROR" }],
		[[0xff], { id: null, code: "PARSE_ERROR" }],
		[[0xa1, 0x62], { id: null, code: "PARSE_ERROR" }],
		[
			[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
			{ code: "PARSE_ERROR" },
		],
		[[0xbb, 0, 0, 0, 1, 0, 0, 0, 0], { code: "PARSE_ERROR" }],
		[[0x5b, 0, 0, 0, 1, 0, 0, 0, 0], { code: "PARSE_ERROR" }],
		[Array(100_000).fill(0x81), { code: "PARSE_ERROR" }],
		[[0xc1, 0x00], { code: "PARSE_ERROR" }],
		[[0xf7], { id: null, code: "PARSE_ERROR" }],
		[[0x00], { id: null, code: "INVALID_REQUEST" }],
		[[...encode({ id: 1, method: "ping" }), 0], { code: "PARSE_ERROR" }],
		[
			[...encode({ id: 2n ** 63n, method: "ping" })],
			{ id: null, code: "PARSE_ERROR" },
		],
		[
			[...encode({ id: new Uint8Array(3), method: "ping" })],
			{ id: null, code: "INVALID_REQUEST" },
		],
		[
			[
				...encode({
					id: 5,
					method: "ping",
					params: { __proto__: null, a: new Uint8Array(3) },
				}),
			],
			{ id: 5, code: "INVALID_REQUEST" },
		],
		[
			[
				...encode({
					id: 6,
					method: "session.list",
					params: { limit: 2n ** 63n },
				}),
			],
			{ id: null, code: "PARSE_ERROR" },
		],
		[
			[
				...encode({
					id: 7,
					method: "agent.send",
					params: { message: new Uint8Array(3) },
				}),
			],
			{ id: 7, code: "INVALID_REQUEST" },
		],
		[
			[
				...encode({
					id: 8,
					method: "agent.send",
					params: { message: 2n ** 63n },
				}),
			],
			{ id: null, code: "PARSE_ERROR" },
		],
		[
			[0xa2, 0x62, 0x69, 0x64, 0x01, 0x62, 0x69, 0x64, 0x02],
			{ id: null, code: "PARSE_ERROR" },
		],
	];
	for (const [frame, answer] of bytes) {
		client.socket.send(
			typeof frame === "string" ? frame : new Uint8Array(frame),
		);
		const got = await client.frame(({ type }) => type === "error");
		expect({ frame: String(frame).slice(0, 60), ...got }).toMatchObject(answer);
	}
	client.send({ id: 9, method: "status" });
	const status = await client.frame(({ id }) => id === 9);
	expect(status.payload).toMatchObject({ faults: 0 });
});

/** A request of `hello`, which takes any parameters, with the bytes of one. */
function withParameter(value: Uint8Array | number[]): Uint8Array {
	const request = { id: 7, method: "hello", params: { x: 0 } };
	return new Uint8Array([...encode(request).slice(0, -1), ...value]);
}

test("a frame has a few thousand items at most, however they are nested", async () => {
	await using server = await openServer(config());
	using client = await cborClient(server);
	const list = (count: number) => encode(Array(count).fill(0));
	const chain = (depth: number) => [...Array(depth).fill(0x81), 0];
	// Nine are the request itself, with the list or with what is in the innermost one.
	const frames: [Uint8Array, object][] = [
		[withParameter(list(4_087)), { id: 7, type: "response" }],
		[withParameter(list(4_088)), { id: null, code: "PARSE_ERROR" }],
		[withParameter(chain(4_087)), { id: 7, type: "response" }],
		[withParameter(chain(4_088)), { id: null, code: "PARSE_ERROR" }],
		[withParameter(list(1_000_000)), { id: null, code: "PARSE_ERROR" }],
		[new Uint8Array(1_000_000).fill(0x9f), { id: null, code: "PARSE_ERROR" }],
		[new Uint8Array(1_000_000).fill(0xbf), { id: null, code: "PARSE_ERROR" }],
		[withParameter(encode("x".repeat(1_000_000))), { id: 7, type: "response" }],
		[
			withParameter(encode(new Uint8Array(1_000_000))),
			{ id: 7, type: "response" },
		],
	];
	for (const [frame, answer] of frames) {
		client.socket.send(frame);
		const got = await client.frame(({ type }) => type !== "event");
		expect({ bytes: frame.length, ...got }).toMatchObject(answer);
	}
});

test("texts come back as they were sent, and what is no UTF-8 is no text", async () => {
	await using server = await openServer(config());
	using client = await cborClient(server);
	const long = `\ufeff${"ß😀".repeat(20)}`;
	const ids = [
		"",
		"\ufeff",
		long,
		"\ufffd",
		`${"x".repeat(40)}\ufffd`,
		"\0",
		"é",
	];
	for (const id of ids) {
		client.send({ id, method: "ping" });
		await client.frame(({ type }) => type === "response");
		const bytes = Buffer.from([...encode("id"), ...encode(id)]);
		expect(client.raw.at(-1)?.includes(bytes)).toBe(true);
	}
	const wrong = [
		[0x61, 0xff],
		[0x62, 0xc3, 0x28],
		[0x63, 0xed, 0xa0, 0x80],
		[0x64, 0xf0, 0x9f, 0x98, 0x41],
		[0x78, 40, ...Array(39).fill(0x78), 0xc3],
		[0x62, 0xc0, 0x80],
	];
	for (const bytes of wrong) {
		client.socket.send(withParameter(bytes));
		const error = await client.frame(({ type }) => type !== "event");
		expect({ bytes, ...error }).toMatchObject({ code: "PARSE_ERROR" });
	}
});

test("what has no end in advance is taken where it is a list or a map, and ends where it says", async () => {
	await using server = await openServer(config());
	using client = await cborClient(server);
	const good = { id: 7, type: "response" };
	const bad = { id: null, code: "PARSE_ERROR" };
	const frames: [number[], object][] = [
		[[0x9f, 0x01, 0x9f, 0xff, 0xff], good],
		[[0xbf, 0x61, 0x61, 0xbf, 0xff, 0xff], good],
		[[0x5f, 0x41, 0x00, 0xff], bad],
		[[0x7f, 0x61, 0x61, 0xff], bad],
		[[0xff], bad],
		[[0xa1, 0x61, 0x61, 0xff], bad],
		[[0xbf, 0x61, 0x61, 0xff, 0xff], bad],
		[[0xbf, 0x61, 0x61, 0xff], bad],
		[[0x81, 0xa1, 0x61, 0x61, 0xff], bad],
		[[0x82, 0x01, 0xff], bad],
		[[0x9f, 0x01], bad],
		[[0xa1, 0x01, 0x02], bad],
		[[0xd9, 0xd9, 0xf7, 0x01], bad],
		[[0xc2, 0x49, ...Array(9).fill(1)], bad],
		[[0xe0], bad],
		[[0xf8, 0x20], bad],
		[[0x1c], bad],
		[[0x1b, 0xff, 0, 0, 0, 0, 0, 0, 0], bad],
		[[0xf7], good],
		[[0xf9, 0x7e, 0x00], good],
		[[0xfb, 0x3f, 0xf1, 0, 0, 0, 0, 0, 0], good],
	];
	for (const [bytes, answer] of frames) {
		client.socket.send(withParameter(bytes));
		const got = await client.frame(({ type }) => type !== "event");
		expect({ bytes, ...got }).toMatchObject(answer);
	}
});

test("a value that JSON has no word for is no parameter", async () => {
	await using server = await openServer(config());
	using client = await cborClient(server);
	const values = [Number.NaN, Number.POSITIVE_INFINITY, new Uint8Array(2)];
	const requests = values.flatMap((value) => [
		{ method: "session.list", params: { limit: value } },
		{ method: "session.history", params: { sessionKey: KEY, before: value } },
		{ method: "session.history", params: { sessionKey: value } },
		{ method: "memory.forget", params: { id: value } },
		{ method: "events.subscribe", params: { after: value } },
		{ method: "events.subscribe", params: { events: value } },
		{ method: "agent.send", params: { message: value } },
		{ method: "agent.send", params: { message: "a", attachments: value } },
		{ method: "ping", params: value },
		{ method: value },
	]);
	for (const request of requests) {
		client.send({ id: 7, ...request });
		const got = await client.frame(({ type }) => type !== "event");
		expect({ request, ...got }).toMatchObject({
			id: 7,
			code: "INVALID_REQUEST",
		});
	}
	const params = { limit: undefined, before: undefined };
	client.send({ id: 8, method: "session.list", params });
	await client.frame(({ id, type }) => id === 8 && type === "response");
	client.send({ id: 9, method: "status" });
	const status = await client.frame(({ id }) => id === 9);
	expect(status.payload).toMatchObject({ faults: 0 });
});
