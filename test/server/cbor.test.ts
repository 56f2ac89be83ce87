import { expect, test } from "bun:test";
import { decode, encode } from "cborg";
import { EVENTS, type EventName } from "../../src/server/events.ts";
import { METHODS } from "../../src/server/protocol.ts";
import { config, modelSaying, openServer } from "../support/server.ts";
import { checked, checkedEvent, type Told, upTo } from "../support/wire.ts";

const KEY = "agent:main:ws:tests";

type Frame = { id: unknown; type: string } & Record<string, unknown>;

/** A client that speaks CBOR. */
async function cborClient(server: { url: string; token: string }) {
	const socket = new WebSocket(`${server.url}/ws`, [
		"aeon.v1.cbor",
		`bearer.${server.token}`,
	]);
	socket.binaryType = "arraybuffer";
	const frames: Frame[] = [];
	let wake = () => {};
	socket.onmessage = ({ data }) => {
		frames.push(decode(new Uint8Array(data)));
		wake();
	};
	await new Promise<void>((open) => {
		socket.onopen = () => open();
	});
	return {
		socket,
		send: (value: unknown) => socket.send(encode(value)),
		async frame(fits: (frame: Frame) => boolean): Promise<Frame> {
			for (;;) {
				const found = frames.find(fits);
				if (found) {
					frames.splice(frames.indexOf(found), 1);
					return found;
				}
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
		},
		events: (): Told[] =>
			frames.filter(({ type }) => type === "event").map(checkedEvent),
		[Symbol.dispose]: () => socket.close(),
	};
}

test("a device talks CBOR: requests, a tool with its approval, events", async () => {
	using model = await modelSaying((_request, n) =>
		n === 0
			? { toolCalls: [{ name: "exec", input: { command: "echo ß😀" } }] }
			: { text: ["Done ", "😀."] },
	);
	await using server = await openServer(config(model.agent));
	using client = await cborClient(server);
	expect(client.socket.protocol).toBe("aeon.v1.cbor");
	client.send({ id: 1, method: "hello", params: {} });
	const hello = await client.frame(({ id }) => id === 1);
	checked(METHODS.hello.payload, hello.payload);
	const params = { message: "go", sessionKey: KEY };
	client.send({ id: "two", method: "agent.send", params });
	const sent = await client.frame(({ id }) => id === "two");
	const { runId } = checked(METHODS["agent.send"].payload, sent.payload);
	const asked = await client.frame(
		({ event }) => event === "approval.requested",
	);
	const { approvalId } = checked(EVENTS["approval.requested"].data, asked.data);
	const answer = { approvalId, decision: "allow" };
	client.send({ id: 3, method: "approval.resolve", params: answer });
	await client.frame(({ id }) => id === 3);
	const done = await client.frame(
		({ event }) => event === ("agent.done" satisfies EventName),
	);
	expect(checkedEvent(done).data.text).toBe("Done 😀.");
	const own = client.events().filter(({ data }) => data.runId === runId);
	const seqs = own.flatMap(({ data }) => data.seq ?? []);
	expect([...seqs, checkedEvent(done).data.seq]).toEqual(upTo(seqs.length + 1));
	client.send({
		id: 4,
		method: "session.history",
		params: { sessionKey: KEY },
	});
	const history = await client.frame(({ id }) => id === 4);
	checked(METHODS["session.history"].payload, history.payload);
});

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
