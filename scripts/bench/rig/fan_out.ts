// Many sessions that stream to many clients: whether each gets every frame, in order, and how fast.

import { type Command, connect } from "./connect.ts";

/** How many frames a client got, and which of a run it expects next. */
interface Seen {
	next: Map<string, number>;
	ended: number;
}

/** Connects, sends a message in every session, and counts until every client has seen every run's end. */
export async function fanOut(command: Command): Promise<object> {
	const { sessions = [], count = 1, message = "", request } = command;
	let frames = 0;
	let gaps = 0;
	let waiting = count;
	const { promise, resolve } = Promise.withResolvers<void>();
	const take = (text: string, seen: Seen) => {
		if (!text.includes('"event":"agent.')) return;
		frames++;
		// The floor numbers nothing.
		if (text.includes('"seq"')) {
			const runId = between(text, '"runId":"', '"');
			const seq = Number.parseInt(between(text, '"seq":', ","), 10);
			if (seq !== (seen.next.get(runId) ?? 1)) gaps++;
			seen.next.set(runId, seq + 1);
		}
		if (text.includes('"agent.error"')) throw new Error(text);
		if (!text.includes('"agent.done"')) return;
		if (++seen.ended === sessions.length && --waiting === 0) resolve();
	};
	const sockets: WebSocket[] = [];
	for (let n = 0; n < count; n++) {
		const socket = await connect(command);
		const seen: Seen = { next: new Map(), ended: 0 };
		socket.onmessage = ({ data }) => take(data, seen);
		sockets.push(socket);
	}
	const before = performance.now();
	for (const sessionKey of sessions)
		sockets[0]?.send(
			request ??
				JSON.stringify({
					id: sessionKey,
					method: "agent.send",
					params: { sessionKey, message },
				}),
		);
	await promise;
	const seconds = (performance.now() - before) / 1000;
	return { gaps, perSecond: frames / seconds };
}

function between(text: string, start: string, end: string): string {
	const from = text.indexOf(start) + start.length;
	const to = text.indexOf(end, from);
	return text.slice(from, to < 0 ? text.length : to);
}
