// A model's API in a process of its own: `bun scripts/bench/rig/model.ts` prints its URL. Each of its deltas begins with two
// times: when it was written, and when the request had come whole. What the last message says decides: "deltas=20 every=50
// size=400 head=5": how many, milliseconds between them, characters each, and how long before the first one its head comes.

import { anthropicEvents } from "../../../test/llm/fake_events.ts";
import { type Answer, soakAnswer } from "./acts.ts";

const head =
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";

const server = Bun.listen<{ text: string }>({
	hostname: "127.0.0.1",
	port: 0,
	socket: {
		open(socket) {
			socket.data = { text: "" };
			socket.setNoDelay(true);
		},
		data(socket, bytes) {
			socket.data.text += bytes.toString("latin1");
			const { text } = socket.data;
			const end = text.indexOf("\r\n\r\n");
			const length = Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0);
			if (end < 0 || text.length < end + 4 + length) return;
			void answer(socket, text.slice(end + 4));
			socket.data.text = "";
		},
	},
});
console.log(`http://127.0.0.1:${server.port}`);

async function answer(
	socket: Bun.Socket<{ text: string }>,
	body: string,
): Promise<void> {
	const ofSoak = soakAnswer(body);
	if (ofSoak) return give(socket, ofSoak);
	const asked = (name: string, otherwise: number) =>
		Number(
			[...body.matchAll(new RegExp(`${name}=(\\d+)`, "g"))].at(-1)?.[1] ??
				otherwise,
		);
	const came = now();
	const [count, every, size, headFirst] = [
		asked("deltas", 20),
		asked("every", 0),
		asked("size", 25),
		asked("head", 5),
	];
	const mark = "@@@";
	const events = anthropicEvents({
		text: Array.from({ length: count }, () => mark),
	});
	const pieces = events.split(mark);
	let lead = head;
	if (headFirst > 0) {
		socket.write(head);
		lead = "";
		await Bun.sleep(headFirst);
	}
	const chunk = (text: string) => {
		const first = lead;
		lead = "";
		return `${first}${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
	};
	let written = "";
	for (const [index, piece] of pieces.entries()) {
		written += piece;
		if (index === count) break;
		if (index > 0 && every > 0) await Bun.sleep(every);
		// A delta is complete at the second line end after its text.
		written += `${now()} ${came} `.padEnd(size, "x");
		const rest = pieces[index + 1] ?? "";
		const end = rest.indexOf("\n\n") + 2;
		pieces[index + 1] = rest.slice(end);
		written += rest.slice(0, end);
		if (every === 0 && index > 0) continue;
		await write(socket, chunk(written));
		written = "";
	}
	await write(socket, `${chunk(written)}0\r\n\r\n`);
	socket.end();
}

/** Answers as in a soak. */
async function give(
	socket: Bun.Socket<{ text: string }>,
	{ pieces, pauseMs, ending }: Answer,
): Promise<void> {
	for (const piece of pieces) {
		await write(socket, piece);
		if (pauseMs > 0) await Bun.sleep(pauseMs);
	}
	if (ending === "end") socket.end();
	if (ending === "reset") socket.terminate();
}

/** Milliseconds, the same in every process of this machine. */
function now(): string {
	return (performance.timeOrigin + performance.now()).toFixed(3);
}

async function write(socket: Bun.Socket<unknown>, text: string): Promise<void> {
	let rest = Buffer.from(text);
	for (;;) {
		const sent = socket.write(rest);
		if (sent < 0 || sent === rest.length) return;
		rest = rest.subarray(sent);
		await Bun.sleep(1);
	}
}
