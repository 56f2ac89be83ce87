// What the same conversation takes on the wire in JSON and in CBOR: a turn with a tool and an answer in pieces, then the history.

import { decode, encode } from "cborg";
import { openRawSocket, type RawSocket } from "../../test/server/raw_socket.ts";
import { startFakeLlm } from "../../test/support/fake_llm.ts";
import { type Bench, type Figure, RUNS, type Subject } from "./rig/figure.ts";
import { makeHome, startAeon } from "./rig/processes.ts";

const SESSION = "agent:main:ws:bench";
const DELTAS = 20;

/** Long enough that each piece of the answer is a frame of its own. */
const PACE_MS = 5;

/** How frames are written and read, and what the handshake calls that. */
interface Form {
	protocol: string;
	write(frame: object): Uint8Array | string;
	read(payload: Buffer): Frame;
}

interface Frame {
	id?: unknown;
	event?: string;
	type: string;
}

/** Bytes of frames with their headers. */
interface Bytes {
	sent: number;
	turn: number;
	history: number;
}

const JSON_FORM: Form = {
	protocol: "aeon.v1",
	write: (frame) => JSON.stringify(frame),
	read: (payload) => JSON.parse(payload.toString()),
};

const CBOR_FORM: Form = {
	protocol: "aeon.v1.cbor",
	write: (frame) => encode(frame),
	read: (payload) => decode(payload),
};

export const wire: Subject = {
	title: "Bytes on the wire",
	async measure(bench) {
		const inJson: Bytes[] = [];
		const inCbor: Bytes[] = [];
		for (let run = 0; run < RUNS; run++) {
			inJson.push(await converse(bench, JSON_FORM));
			inCbor.push(await converse(bench, CBOR_FORM));
		}
		const figures = (what: string, part: keyof Bytes): Figure[] => [
			{
				what: `${what}, JSON`,
				unit: "bytes",
				values: inJson.map((bytes) => bytes[part]),
			},
			{
				what: "  CBOR",
				unit: "bytes",
				values: inCbor.map((bytes) => bytes[part]),
			},
		];
		return [
			...figures(
				`events of a turn with a tool call and ${DELTAS} deltas`,
				"turn",
			),
			...figures("its session.history", "history"),
			...figures("what the client sends for both", "sent"),
		];
	},
};

/** The conversation, with a server of its own, so that its numbers have as many digits every time. */
async function converse(bench: Bench, form: Form): Promise<Bytes> {
	const llm = await startModel();
	const main = {
		provider: "anthropic",
		model: "fake-1",
		api_key: "k",
		base_url: llm.url,
	};
	const home = makeHome(bench, "fake", { agents: { main } });
	const aeon = await startAeon(bench, home);
	const port = Number(new URL(aeon.url).port);
	using socket = await openRawSocket(port, handshake(port, aeon.token, form));
	const ask = (id: number, method: string, params: object) =>
		socket.send(form.write({ id, method, params }));
	ask(1, "agent.send", {
		message: "What does the note say?",
		sessionKey: SESSION,
	});
	await readUntil(socket, form, ({ event }) => event === "session.updated");
	const turn = socket.received;
	ask(2, "session.history", { sessionKey: SESSION });
	await readUntil(socket, form, ({ id }) => id === 2);
	const { sent, received } = socket;
	await aeon.stop();
	llm.stop();
	return { sent, turn, history: received - turn };
}

/** Writes a note, then answers in words, one at a time. */
function startModel() {
	const words = Array.from({ length: DELTAS }, (_, n) => `words ${n + 10}, `);
	return startFakeLlm({
		api: "anthropic",
		script: (_request, n) =>
			n === 0
				? {
						toolCalls: [
							{
								name: "file_write",
								input: { path: "note.txt", content: "Water the roses." },
							},
						],
					}
				: {
						text: words,
						pauses: words.map((before, at) => ({
							before,
							until: Bun.sleep(PACE_MS * at),
						})),
					},
	});
}

function handshake(port: number, token: string, { protocol }: Form): string {
	return [
		"GET /ws HTTP/1.1",
		`Host: 127.0.0.1:${port}`,
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		`Sec-WebSocket-Protocol: ${protocol}`,
		`Authorization: Bearer ${token}`,
	].join("\r\n");
}

/** Reads frames up to the first that fits. Throws where an error comes. */
async function readUntil(
	socket: RawSocket,
	form: Form,
	fits: (frame: Frame) => boolean,
): Promise<void> {
	for (;;) {
		const frame = form.read((await socket.next()).payload);
		if (frame.type === "error" || frame.event === "agent.error")
			throw new Error(JSON.stringify(frame));
		if (fits(frame)) return;
	}
}
