// A cheap client in a process of its own, with the web's WebSocket: `bun scripts/bench/rig/client.ts '{"mode": "rtt", …}'`. Prints
// one line of JSON when it is done; one that stays prints it when it is ready, and stays until it is killed.

import { type Command, clients, connect } from "./connect.ts";
import { fanOut } from "./fan_out.ts";
import { soak } from "./soak_client.ts";

const command = JSON.parse(process.argv[2] ?? "{}") as Command;
console.log(JSON.stringify(await run()));
if (!clients.stay) process.exit(0);

function run(): Promise<object> {
	switch (command.mode) {
		case "rtt":
			return roundTrips();
		case "turns":
			return turns();
		case "latency":
			return latency();
		case "throng":
			return throng();
		case "hold":
			return hold();
		case "fan-out":
			return fanOut(command);
		case "soak":
			return soak(command);
	}
}

/** Requests for some seconds, so many at a time; the order of answers is that of requests. */
async function roundTrips(): Promise<object> {
	const { request = "", inFlight = 1, seconds = 3 } = command;
	const socket = await connect(command);
	const micros: number[] = [];
	const sent: number[] = [];
	const ask = () => {
		sent.push(performance.now());
		socket.send(request);
	};
	const { promise, resolve } = Promise.withResolvers<object>();
	const warm = performance.now() + 1000;
	const end = warm + seconds * 1000;
	socket.onmessage = () => {
		const now = performance.now();
		const asked = sent.shift() ?? now;
		if (now >= warm) micros.push((now - asked) * 1000);
		if (now >= end)
			return resolve({ perSecond: micros.length / seconds, ...spread(micros) });
		ask();
	};
	for (let n = 0; n < inFlight; n++) ask();
	return promise;
}

/** Turns, one after the other, each in the next of these sessions. */
async function turns(): Promise<object> {
	const { count = 1, sessions = ["agent:main:ws:bench"] } = command;
	const { message = "deltas=20", request } = command;
	const socket = await connect(command);
	const before = performance.now();
	for (let n = 0; n < count; n++)
		await turn(socket, sessions[n % sessions.length] ?? "", message, request);
	return { perSecond: count / ((performance.now() - before) / 1000) };
}

/** What is added to a model's times, in so many turns one after the other: two milliseconds of each. */
async function latency(): Promise<object> {
	const { count = 200, request } = command;
	const { message = "deltas=3 every=2 size=40 head=0" } = command;
	const socket = await connect(command);
	const asked: number[] = [];
	const answered: number[] = [];
	for (let n = -20; n < count; n++) {
		const took = await turn(socket, `agent:main:ws:late${n}`, message, request);
		if (n < 0) continue;
		asked.push(took.asked);
		answered.push(took.answered);
	}
	return { asked, answered };
}

/** Turns in many sessions at once, each session's one after the other: how many a second. */
async function throng(): Promise<object> {
	const { count = 1000, sessions = [], message = "", request } = command;
	const socket = await connect(command);
	const frame = (sessionKey: string) =>
		request ??
		JSON.stringify({
			id: sessionKey,
			method: "agent.send",
			params: { sessionKey, message },
		});
	let begun = 0;
	let ended = 0;
	const { promise, resolve } = Promise.withResolvers<void>();
	const begin = (sessionKey: string) => {
		if (begun++ < count) socket.send(frame(sessionKey));
	};
	socket.onmessage = ({ data }) => {
		if (data.includes('"agent.error"') || data.includes('"type":"error"'))
			throw new Error(data);
		if (!data.includes('"agent.done"')) return;
		if (++ended === count) resolve();
		else begin(JSON.parse(data).data.sessionKey);
	};
	const before = performance.now();
	for (const sessionKey of sessions) begin(sessionKey);
	await promise;
	return { perSecond: count / ((performance.now() - before) / 1000) };
}

/** When a turn's request was complete at the model, and how late its first delta was, in milliseconds. */
interface Took {
	asked: number;
	answered: number;
}

/** Says something and waits for the end. */
function turn(
	socket: WebSocket,
	sessionKey: string,
	message: string,
	request?: string,
): Promise<Took> {
	const { promise, resolve } = Promise.withResolvers<Took>();
	let took: Took | undefined;
	socket.onmessage = ({ data }) => {
		const now = performance.timeOrigin + performance.now();
		const frame = JSON.parse(data);
		if (frame.type === "error") throw new Error(data);
		if (frame.event === "agent.error") throw new Error(data);
		if (frame.event === "agent.delta" && !took) {
			const [said = 0, came = 0] = frame.data.text.split(" ").map(Number);
			took = { asked: came - sent, answered: now - said };
		}
		if (frame.event === "agent.done")
			resolve(took ?? { asked: 0, answered: 0 });
	};
	const params = { sessionKey, message };
	const sent = performance.timeOrigin + performance.now();
	socket.send(
		request ?? JSON.stringify({ id: 1, method: "agent.send", params }),
	);
	return promise;
}

/** So many sockets that only listen. */
async function hold(): Promise<object> {
	clients.stay = true;
	for (let n = 0; n < (command.count ?? 1); n++) await connect(command);
	return {};
}

function spread(values: number[]) {
	const sorted = values.toSorted((a, b) => a - b);
	const at = (part: number) => sorted[Math.floor(sorted.length * part)] ?? 0;
	return { p50: at(0.5), p99: at(0.99) };
}
