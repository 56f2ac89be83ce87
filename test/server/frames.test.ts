import { expect, test } from "bun:test";
import { config, openServer } from "../support/server.ts";

/** Frames as they are sent, and what comes back. */
const FRAMES: [frame: string, answer: object][] = [
	['{"id":"a","method":"ping"}', { id: "a", type: "response" }],
	['{"id":7,"method":"ping"}', { id: 7, type: "response" }],
	['{"id":0,"method":"ping"}', { id: 0, type: "response" }],
	['{"id":-1.5,"method":"ping"}', { id: -1.5, type: "response" }],
	['{"id":"","method":"ping"}', { id: "", type: "response" }],
	['{"id":"\\ud800","method":"ping"}', { id: "\ud800", type: "response" }],
	['{"id":"\\u0000","method":"ping"}', { id: "\0", type: "response" }],
	['{"method":"ping"}', { id: null, type: "response" }],
	['{"id":null,"method":"ping"}', { id: null, type: "response" }],
	['{"id":{},"method":"ping"}', { id: null, code: "INVALID_REQUEST" }],
	['{"id":[],"method":"ping"}', { id: null, code: "INVALID_REQUEST" }],
	['{"id":true,"method":"ping"}', { id: null, code: "INVALID_REQUEST" }],
	['{"id":1e400,"method":"ping"}', { id: null, code: "INVALID_REQUEST" }],
	[
		'{"id":9007199254740994,"method":"ping"}',
		{ id: null, code: "INVALID_REQUEST" },
	],
	[
		'{"id":9007199254740991,"method":"ping"}',
		{ id: 9007199254740991, type: "response" },
	],
	[
		'{"id":1}',
		{
			id: 1,
			code: "INVALID_REQUEST",
			message: "Missing required field 'method'",
		},
	],
	['{"id":1,"method":7}', { id: 1, code: "INVALID_REQUEST" }],
	[
		'{"id":1,"__proto__":{"method":"ping"}}',
		{ id: 1, code: "INVALID_REQUEST" },
	],
	[
		'{"id":1,"method":"ping","params":{"__proto__":{"a":1}}}',
		{ id: 1, code: "INVALID_REQUEST" },
	],
	[
		'{"id":1,"method":"hello","params":{"__proto__":{"client":7}}}',
		{ id: 1, type: "response" },
	],
	[
		'{"id":1,"method":"ping","params":"text"}',
		{ id: 1, code: "INVALID_REQUEST" },
	],
	["null", { id: null, code: "INVALID_REQUEST" }],
	["7", { id: null, code: "INVALID_REQUEST" }],
	['"text"', { id: null, code: "INVALID_REQUEST" }],
	["true", { id: null, code: "INVALID_REQUEST" }],
	["", { id: null, code: "PARSE_ERROR" }],
	["{", { id: null, code: "PARSE_ERROR" }],
	["\ufeff{}", { id: null, code: "PARSE_ERROR" }],
	["NaN", { id: null, code: "PARSE_ERROR" }],
	["[".repeat(200_000), { id: null, code: "PARSE_ERROR" }],
	[
		`{"id":1,"method":"ping","params":${nested(3_000)}}`,
		{ id: 1, code: "INVALID_REQUEST" },
	],
	[
		`{"id":1,"method":"ping","params":{"x":1${"0".repeat(100_000)}}}`,
		{ id: 1, code: "INVALID_REQUEST" },
	],
	[
		`{"id":1,"method":"events.subscribe","params":{"after":${nested(3_000)}}}`,
		{ id: 1, code: "INVALID_REQUEST" },
	],
];

function nested(depth: number): string {
	return `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
}

test("the id of a request comes back as it was sent, and no frame harms the connection", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	for (const [frame, answer] of FRAMES) {
		const got = await client.answerTo(frame);
		expect({ frame: frame.slice(0, 80), ...got }).toMatchObject(answer);
	}
	await client.call("ping");
	expect((await client.call("status")).faults).toBe(0);
});

test("a binary frame on a connection of JSON is no JSON", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	client.socket.send(new TextEncoder().encode('{"id":1,"method":"ping"}'));
	await client.until(() => client.strays.length > 0);
	expect(client.strays[0]).toMatchObject({ id: null, code: "PARSE_ERROR" });
	await client.call("ping");
});
