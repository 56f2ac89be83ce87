// The least that a server in Bun can be, which Aeon's figures are held against: a socket that echoes and an open database.
// `stream …` asks the model and passes its words on, with nothing between; `publish …` does, to everybody.

import { Database } from "bun:sqlite";

const database = new Database(process.env.FLOOR_DATABASE, { create: true });
database.run("PRAGMA journal_mode = WAL");

const server = Bun.serve({
	hostname: "127.0.0.1",
	port: Number(process.env.FLOOR_PORT),
	fetch(request, server) {
		if (server.upgrade(request)) return undefined as unknown as Response;
		return Response.json({ ok: true });
	},
	websocket: {
		open(socket) {
			socket.subscribe("all");
		},
		message(socket, frame) {
			const text = String(frame);
			if (text.startsWith("stream ")) void pass(text, (it) => socket.send(it));
			else if (text.startsWith("publish "))
				void pass(text, (it) => server.publish("all", it));
			else socket.send(text);
		},
	},
});

/** Passes the words of one answer on, each as a frame. */
async function pass(
	text: string,
	send: (frame: string) => void,
): Promise<void> {
	const response = await fetch(`${process.env.FLOOR_MODEL}/v1/messages`, {
		method: "POST",
		body: JSON.stringify({ messages: [{ role: "user", content: text }] }),
	});
	const decoder = new TextDecoder();
	for await (const piece of response.body ?? []) {
		for (const line of decoder.decode(piece, { stream: true }).split("\n")) {
			if (!line.includes('"text_delta"')) continue;
			const { delta } = JSON.parse(line.slice("data: ".length));
			send(
				JSON.stringify({ event: "agent.delta", data: { text: delta.text } }),
			);
		}
	}
	send(JSON.stringify({ event: "agent.done", data: { sessionKey: "" } }));
}
