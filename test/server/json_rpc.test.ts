// JSON-RPC 2.0 (https://www.jsonrpc.org/specification), by its own examples and by what the examples leave open.

import { expect, test } from "bun:test";
import * as z from "zod/mini";
import { parseJson } from "../../src/core/json.ts";
import { dispatch, type MethodTable } from "../../src/server/dispatch.ts";
import { config, openServer } from "../support/server.ts";
import { checkedEvent } from "../support/wire.ts";

const KEY = "agent:main:ws:tests";

const methods = {
	subtract: {
		params: z.strictObject({ minuend: z.number(), subtrahend: z.number() }),
		run: ({ minuend, subtrahend }: { minuend: number; subtrahend: number }) =>
			(minuend - subtrahend) as unknown as object,
	},
	sum: {
		params: z.strictObject({ a: z.number(), b: z.number(), c: z.number() }),
		run: ({ a, b, c }: { a: number; b: number; c: number }) =>
			Promise.resolve((a + b + c) as unknown as object),
	},
	get_data: { params: z.strictObject({}), run: () => ["hello", 5] },
	notify_hello: {
		params: z.strictObject({ to: z.number() }),
		run: () => ({}),
	},
	break: {
		params: z.strictObject({}),
		run() {
			throw new Error("broken");
		},
	},
} as MethodTable<null>;

const error = (code: number, message: string, id: unknown) => ({
	jsonrpc: "2.0",
	error: expect.objectContaining({ code, message }),
	id,
});
const invalid = error(-32600, "Invalid Request", null);

/** The examples of section 7, and further ones; nothing where no answer is to be sent. */
const EXAMPLES: [what: string, sent: string, answer: unknown][] = [
	[
		"parameters by position",
		'{"jsonrpc":"2.0","method":"subtract","params":[42,23],"id":1}',
		{ jsonrpc: "2.0", result: 19, id: 1 },
	],
	[
		"parameters by position, the other way round",
		'{"jsonrpc":"2.0","method":"subtract","params":[23,42],"id":2}',
		{ jsonrpc: "2.0", result: -19, id: 2 },
	],
	[
		"parameters by name",
		'{"jsonrpc":"2.0","method":"subtract","params":{"subtrahend":23,"minuend":42},"id":3}',
		{ jsonrpc: "2.0", result: 19, id: 3 },
	],
	[
		"parameters by name, in order",
		'{"jsonrpc":"2.0","method":"subtract","params":{"minuend":42,"subtrahend":23},"id":4}',
		{ jsonrpc: "2.0", result: 19, id: 4 },
	],
	[
		"a notification",
		'{"jsonrpc":"2.0","method":"update","params":[1,2,3,4,5]}',
		undefined,
	],
	[
		"a notification without parameters",
		'{"jsonrpc":"2.0","method":"foobar"}',
		undefined,
	],
	[
		"a method that there is not",
		'{"jsonrpc":"2.0","method":"foobar","id":"1"}',
		error(-32601, "Method not found", "1"),
	],
	[
		"such a method with parameters by position",
		'{"jsonrpc":"2.0","method":"foobar","params":[1,2],"id":"1"}',
		error(-32601, "Method not found", "1"),
	],
	[
		"such a method with parameters by name",
		'{"jsonrpc":"2.0","method":"toString","params":{"a":1},"id":"1"}',
		error(-32601, "Method not found", "1"),
	],
	[
		"what is not JSON",
		'{"jsonrpc":"2.0","method":"foobar,"params":"bar","baz]',
		error(-32700, "Parse error", null),
	],
	[
		"an invalid request",
		'{"jsonrpc":"2.0","method":1,"params":"bar"}',
		invalid,
	],
	[
		"a batch that is not JSON",
		'[{"jsonrpc":"2.0","method":"sum","params":[1,2,4],"id":"1"},{"jsonrpc":"2.0","method"]',
		error(-32700, "Parse error", null),
	],
	["an empty batch", "[]", invalid],
	["an invalid batch that is not empty", "[1]", [invalid]],
	["an invalid batch", "[1,2,3]", [invalid, invalid, invalid]],
	[
		"a batch",
		'[{"jsonrpc":"2.0","method":"sum","params":[1,2,4],"id":"1"},{"jsonrpc":"2.0","method":"notify_hello","params":[7]},{"jsonrpc":"2.0","method":"subtract","params":[42,23],"id":"2"},{"foo":"boo"},{"jsonrpc":"2.0","method":"foo.get","params":{"name":"myself"},"id":"5"},{"jsonrpc":"2.0","method":"get_data","id":"9"}]',
		[
			{ jsonrpc: "2.0", result: 7, id: "1" },
			{ jsonrpc: "2.0", result: 19, id: "2" },
			invalid,
			error(-32601, "Method not found", "5"),
			{ jsonrpc: "2.0", result: ["hello", 5], id: "9" },
		],
	],
	[
		"a batch of notifications",
		'[{"jsonrpc":"2.0","method":"notify_sum","params":[1,2,4]},{"jsonrpc":"2.0","method":"notify_hello","params":[7]}]',
		undefined,
	],
	[
		"an id that is null",
		'{"jsonrpc":"2.0","method":"get_data","id":null}',
		{ jsonrpc: "2.0", result: ["hello", 5], id: null },
	],
	[
		"an id that is no id",
		'{"jsonrpc":"2.0","method":"get_data","id":{}}',
		invalid,
	],
	[
		"an id that is too large",
		'{"jsonrpc":"2.0","method":"get_data","id":1e400}',
		invalid,
	],
	[
		"too many parameters by position",
		'{"jsonrpc":"2.0","method":"subtract","params":[1,2,3],"id":1}',
		{ jsonrpc: "2.0", error: expect.objectContaining({ code: -32602 }), id: 1 },
	],
	[
		"a missing parameter",
		'{"jsonrpc":"2.0","method":"subtract","params":[1],"id":1}',
		error(-32602, "Missing required parameter 'subtrahend'", 1),
	],
	[
		"a notification with a missing parameter",
		'{"jsonrpc":"2.0","method":"subtract","params":[1]}',
		undefined,
	],
	[
		"parameters that are a text",
		'{"jsonrpc":"2.0","method":"subtract","params":"12","id":1}',
		error(-32600, "Invalid Request", 1),
	],
	[
		"parameters that are null",
		'{"jsonrpc":"2.0","method":"get_data","params":null,"id":1}',
		error(-32600, "Invalid Request", 1),
	],
	[
		"another version",
		'{"jsonrpc":"1.0","method":"get_data","id":1}',
		error(-32600, "Invalid Request", 1),
	],
	[
		"an answer in place of a request",
		'{"jsonrpc":"2.0","result":1,"id":1}',
		error(-32600, "Invalid Request", 1),
	],
	[
		"a fault",
		'{"jsonrpc":"2.0","method":"break","id":1}',
		error(-32603, "A fault in Aeon: broken", 1),
	],
	[
		"a batch in a batch",
		'[[{"jsonrpc":"2.0","method":"get_data","id":1}]]',
		[invalid],
	],
];

for (const [what, sent, answer] of EXAMPLES)
	test(`JSON-RPC 2.0: ${what}`, async () => {
		const got = await dispatch(parseJson(sent), "jsonrpc", () => methods, null);
		expect(got as unknown).toEqual(answer);
	});

test("a batch holds a hundred requests at most", async () => {
	const batch = (size: number) =>
		dispatch(
			Array.from({ length: size }, (_, id) => ({
				jsonrpc: "2.0",
				method: "get_data",
				id,
			})),
			"aeon",
			() => methods,
			null,
		);
	expect(await batch(100)).toHaveLength(100);
	expect(await batch(101)).toEqual(invalid);
});

test("a connection that spoke JSON-RPC last is told of events in that form, another one in Aeon's", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	const rpc = { jsonrpc: "2.0", id: 1, method: "ping" };
	expect(await client.answerTo(rpc)).toMatchObject({
		jsonrpc: "2.0",
		id: 1,
		result: { ok: true },
	});
	const params = { message: "hello", sessionKey: KEY };
	client.send({ jsonrpc: "2.0", id: 2, method: "agent.send", params });
	const told = () =>
		client.strays.filter((frame) => "method" in frame) as {
			method: string;
			params: object;
		}[];
	await client.until(() =>
		told().some(({ method }) => method === "session.updated"),
	);
	expect(client.events).toEqual([]);
	for (const { method, params, ...rest } of told()) {
		expect(rest).toEqual({ jsonrpc: "2.0" } as never);
		checkedEvent({ id: "", type: "event", event: method, data: params });
	}
	const count = client.strays.length;
	await client.call("agent.send", { ...params, wait: true });
	await client.event("agent.done");
	expect(client.strays).toHaveLength(count);
});

test("on a connection of the subprotocol jsonrpc everything is JSON-RPC", async () => {
	await using server = await openServer(config());
	using client = await server.connect({
		token: server.token,
		protocols: ["jsonrpc"],
	});
	expect(client.socket.protocol).toBe("jsonrpc");
	expect(await client.answerTo('{"id":1,"method":"ping"}')).toMatchObject({
		error: { code: -32600 },
		id: 1,
	});
	expect(await client.answerTo("{")).toMatchObject({
		error: { code: -32700 },
		id: null,
	});
	client.send({
		jsonrpc: "2.0",
		method: "agent.send",
		params: ["hello", KEY],
	});
	await client.until(() =>
		client.strays.some(({ method }) => method === "agent.done"),
	);
	expect(client.strays.filter((frame) => "id" in frame)).toHaveLength(2);
	expect(client.events).toEqual([]);
});

test("what is refused says Aeon's own code, too", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	const rpc = (method: string, params: object) =>
		client.answerTo({ jsonrpc: "2.0", id: 1, method, params });
	expect(await rpc("session.get", { sessionKey: KEY })).toMatchObject({
		error: { code: -32000, data: { code: "NOT_FOUND" } },
	});
	expect(await rpc("agent.send", {})).toMatchObject({
		error: {
			code: -32602,
			message: "Missing required parameter 'message'",
			data: { code: "INVALID_REQUEST" },
		},
	});
	expect(await rpc("nothing", {})).toMatchObject({
		error: { code: -32601, data: { code: "UNKNOWN_METHOD" } },
	});
});

test("the first request of a batch lets the client in for the others", async () => {
	await using server = await openServer(config());
	using client = await server.connect({});
	const batch = [
		{
			jsonrpc: "2.0",
			id: 1,
			method: "auth",
			params: { token: server.token },
		},
		{ jsonrpc: "2.0", id: 2, method: "ping" },
	];
	const answers = (await client.answerTo(batch)) as unknown as {
		id: number;
		result: object;
	}[];
	expect(answers.map(({ id, result }) => [id, result])).toMatchObject([
		[1, { ok: true }],
		[2, { ok: true }],
	]);
});
