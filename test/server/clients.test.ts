// Clients that others made: what they drive a whole conversation with, a tool and its approval in it.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { JSONRPCClient } from "json-rpc-2.0";
import { Client } from "rpc-websockets";
import { config, modelSaying, openServer } from "../support/server.ts";

const WSCAT = join(
	import.meta.dir,
	"..",
	"..",
	"node_modules",
	"wscat",
	"bin",
	"wscat",
);
const KEY = "agent:main:ws:tests";

/** A model that wants to run a command, and then says what came of it. */
const conversation = () =>
	modelSaying((request, n) =>
		n % 2 === 0
			? {
					text: "I look.",
					toolCalls: [{ name: "exec", input: { command: "echo found" } }],
				}
			: { text: `It says: ${request.lastText.includes("found")}` },
	);

/** A frame that wscat has printed. */
interface Said {
	event?: string;
	method?: string;
	data?: Record<string, string>;
	params?: Record<string, string>;
}

const SAID = "I look.\n\nIt says: true";

test("rpc-websockets talks with Aeon", async () => {
	using model = await conversation();
	await using server = await openServer(config(model.agent));
	const client = new Client(`${server.url}/ws`, {
		headers: { Authorization: `Bearer ${server.token}` },
		reconnect: false,
	});
	await new Promise<void>((open) => client.on("open", open));
	const told: string[] = [];
	for (const name of ["agent.delta", "agent.tool_result", "agent.done"])
		client.on(name, () => told.push(name));
	client.on("approval.requested", ({ approvalId }: { approvalId: string }) =>
		client.call("approval.resolve", { approvalId, decision: "allow" }),
	);
	expect(await client.call("ping")).toMatchObject({ ok: true });
	const answer = await client.call("agent.send", {
		message: "look",
		sessionKey: KEY,
		wait: true,
	});
	expect(answer).toMatchObject({ text: SAID, stopReason: "end_turn" });
	expect(told).toContain("agent.tool_result");
	expect(told.at(-1)).toBe("agent.done");
	expect(client.call("nothing")).rejects.toMatchObject({ code: -32601 });
	client.close();
});

test("json-rpc-2.0 talks with Aeon", async () => {
	using model = await conversation();
	await using server = await openServer(config(model.agent));
	const socket = new WebSocket(`${server.url}/ws`, [
		"jsonrpc",
		`bearer.${server.token}`,
	]);
	await new Promise<void>((open) => {
		socket.onopen = () => open();
	});
	const client = new JSONRPCClient((request) => {
		socket.send(JSON.stringify(request));
		return Promise.resolve();
	});
	const told: string[] = [];
	socket.onmessage = ({ data }) => {
		const frame = JSON.parse(data);
		if (!("method" in frame)) return client.receive(frame);
		told.push(frame.method);
		if (frame.method !== "approval.requested") return;
		const { approvalId } = frame.params;
		client.notify("approval.resolve", { approvalId, decision: "allow" });
	};
	const params = { message: "look", sessionKey: KEY, wait: true };
	expect(await client.request("agent.send", params)).toMatchObject({
		text: SAID,
	});
	expect(told).toContain("approval.resolved");
	const [pong, history] = await Promise.all([
		client.request("ping", {}),
		client.request("session.history", [KEY, 2]),
	]);
	expect(pong).toMatchObject({ ok: true });
	expect(history.messages).toHaveLength(2);
	expect(client.request("session.get", [])).rejects.toMatchObject({
		code: -32602,
	});
	socket.close();
});

const FORMS: Record<
	string,
	{
		flags: string[];
		frame(id: number, method: string, params: object): object;
		approvalOf(frame: Said): string | undefined;
		textOf(frame: Said): string | undefined;
	}
> = {
	"Aeon's own words": {
		flags: ["-s", "aeon.v1"],
		frame: (id, method, params) => ({ id, method, params }),
		approvalOf: ({ event, data }) =>
			event === "approval.requested" ? data?.approvalId : undefined,
		textOf: ({ event, data }) =>
			event === "agent.done" ? data?.text : undefined,
	},
	"JSON-RPC": {
		flags: ["-s", "jsonrpc"],
		frame: (id, method, params) => ({ jsonrpc: "2.0", id, method, params }),
		approvalOf: ({ method, params }) =>
			method === "approval.requested" ? params?.approvalId : undefined,
		textOf: ({ method, params }) =>
			method === "agent.done" ? params?.text : undefined,
	},
};

for (const [name, { flags, frame, approvalOf, textOf }] of Object.entries(
	FORMS,
))
	test(`wscat drives a conversation in ${name}`, async () => {
		using model = await conversation();
		await using server = await openServer(config(model.agent));
		using watcher = await server.connect();
		const child = wscat(server, flags);
		while ((await watcher.call("status")).clients < 2);
		// It drops what it is to send before it is connected: that it has been told something shows that it is.
		await watcher.call("dialog.send", { dialog: "ws", to: "me", text: "go" });
		const say = (id: number, method: string, params: object) =>
			child.stdin.write(`${JSON.stringify(frame(id, method, params))}\n`);
		let text: string | undefined;
		for await (const line of linesOf(child.stdout)) {
			const json = line.slice(line.indexOf("{"));
			if (json.includes("message.outbound"))
				say(1, "agent.send", { message: "look", sessionKey: KEY });
			const said: Said = JSON.parse(json);
			const approvalId = approvalOf(said);
			if (approvalId)
				say(2, "approval.resolve", { approvalId, decision: "allow" });
			text = textOf(said);
			if (text !== undefined) break;
		}
		child.kill();
		expect(text).toBe(SAID);
	});

test("wscat asks one thing and goes", async () => {
	await using server = await openServer(config());
	const child = wscat(server, ["-x", '{"id":1,"method":"ping"}', "-w", "1"]);
	expect(await child.stdout.text()).toContain('"type":"response"');
	expect(await child.exited).toBe(0);
});

function wscat(server: { url: string; token: string }, flags: string[]) {
	return Bun.spawn(
		[
			process.execPath,
			WSCAT,
			"--no-color",
			"-c",
			`${server.url}/ws`,
			"-H",
			`Authorization: Bearer ${server.token}`,
			...flags,
		],
		{ stdin: "pipe", stdout: "pipe", stderr: "inherit" },
	);
}

async function* linesOf(stream: ReadableStream<Uint8Array>) {
	const decoder = new TextDecoder();
	let rest = "";
	for await (const chunk of stream) {
		const lines = (rest + decoder.decode(chunk, { stream: true })).split(
			/\r?\n/,
		);
		rest = lines.pop() ?? "";
		yield* lines;
	}
}
