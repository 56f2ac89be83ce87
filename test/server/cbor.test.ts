import { expect, test } from "bun:test";
import { decode, encode } from "cborg";
import { loadCborCodec } from "../../src/server/encoding.ts";
import { EVENTS, type EventName } from "../../src/server/events.ts";
import { METHODS } from "../../src/server/protocol.ts";
import { config, modelSaying, openServer } from "../support/server.ts";
import { checked, checkedEvent, upTo } from "../support/wire.ts";
import { cborClient } from "./cbor_client.ts";

const KEY = "agent:main:ws:tests";

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

test("every answer is the same in CBOR as in JSON", async () => {
	await using server = await openServer(config());
	using json = await server.connect();
	using client = await cborClient(server);
	const params = { message: "run uname -o", sessionKey: KEY, wait: true };
	const sent = json.call("agent.send", params);
	const { data } = await json.event("approval.requested");
	const requests: [string, object][] = [
		["hello", {}],
		["approval.list", {}],
		["tool.list", {}],
		["dialog.list", {}],
		["config.get", {}],
		["status", {}],
		["session.get", { sessionKey: "agent:main:ws:nobody" }],
		["nothing", {}],
		["agent.send", {}],
	];
	const compare = async (method: string, params: object) => {
		client.send({ id: 1, method, params });
		const inCbor = await client.frame(({ id }) => id === 1);
		const inJson = await json.ask({ id: 1, method, params });
		expect(plain(inCbor)).toEqual(plain(inJson));
	};
	for (const [method, params] of requests) await compare(method, params);
	const { approvalId } = data;
	await json.call("approval.resolve", { approvalId, decision: "allow" });
	await sent;
	await compare("session.history", { sessionKey: KEY });
	await compare("session.list", {});
	const last = await json.event("session.updated");
	await client.frame(({ id }) => id === last.id);
	const own = client.events();
	expect([...own, last]).toEqual(json.events);
	// Nothing is in a frame that JSON would leave out.
	for (const raw of client.raw) {
		const kept = JSON.parse(JSON.stringify(decode(raw)));
		expect(raw.equals(encode(kept))).toBe(true);
	}
});

test("what is undefined is left out, as in JSON", async () => {
	const { encode: write } = await loadCborCodec();
	const bytes = write({ a: undefined, b: { c: undefined, d: null } });
	expect(bytes).toEqual(encode({ b: { d: null } }));
});

/** A frame without what differs from one moment or client to the next. */
function plain(frame: object): unknown {
	const VOLATILE = ["clientId", "uptimeMs", "rssBytes", "now"];
	return JSON.parse(JSON.stringify(frame), (key, value) =>
		VOLATILE.includes(key) ? "…" : value,
	);
}
