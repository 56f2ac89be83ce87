// A WebSocket of which every byte is seen: the handshake as it is written, and whole frames in either direction.

import { connect } from "node:net";

/** A frame of the server. */
export interface RawFrame {
	/** All of it, with its header. */
	bytes: Buffer;
	payload: Buffer;
}

/** One open socket. */
export interface RawSocket extends Disposable {
	/** The head of the server's answer. */
	head: string;
	/** Bytes of frames so far, headers included. */
	sent: number;
	received: number;
	/** Sends bytes as they are. */
	write(bytes: Uint8Array): void;
	/** Sends a text or binary frame. */
	send(payload: Uint8Array | string): void;
	/** The next frame. */
	next(): Promise<RawFrame>;
}

/** The same for every frame: nobody is to be kept from guessing it here. */
const MASK = Uint8Array.from([0x37, 0xfa, 0x21, 0x3d]);

/** A client's frame (RFC 6455 section 5.2) of up to 65,535 bytes. */
function maskedFrame(payload: Uint8Array | string): Buffer {
	const bytes = Buffer.from(payload as Uint8Array);
	const { length } = bytes;
	const size = length < 126 ? [length] : [126, length >> 8, length & 255];
	const [first = 0, ...more] = size;
	return Buffer.concat([
		Buffer.from([typeof payload === "string" ? 0x81 : 0x82, 0x80 | first]),
		Buffer.from(more),
		MASK,
		bytes.map((byte, at) => byte ^ (MASK[at & 3] ?? 0)),
	]);
}

/** Connects with a handshake as it stands there, without its last empty line. */
export async function openRawSocket(
	port: number,
	handshake: string,
): Promise<RawSocket> {
	const socket = connect(port, "127.0.0.1");
	socket.on("error", () => {});
	let pending = Buffer.alloc(0);
	let wake = () => {};
	socket.on("data", (data) => {
		pending = Buffer.concat([pending, Buffer.from(data)]);
		wake();
	});
	const take = async (find: () => number) => {
		for (;;) {
			const end = find();
			if (end > 0 && end <= pending.length) {
				const taken = pending.subarray(0, end);
				pending = pending.subarray(end);
				return taken;
			}
			await new Promise<void>((resolve) => {
				wake = resolve;
			});
		}
	};
	socket.write(`${handshake}\r\n\r\n`);
	const head = await take(() => pending.indexOf("\r\n\r\n") + 4);
	const raw: RawSocket = {
		head: head.toString().trimEnd(),
		sent: 0,
		received: 0,
		write(bytes) {
			raw.sent += bytes.length;
			socket.write(bytes);
		},
		send: (payload) => raw.write(maskedFrame(payload)),
		async next() {
			const bytes = await take(() => frameSize(pending));
			raw.received += bytes.length;
			return { bytes, payload: bytes.subarray(headSize(bytes)) };
		},
		[Symbol.dispose]: () => void socket.destroy(),
	};
	return raw;
}

function headSize(bytes: Buffer): number {
	const size = bytes[1] ?? 0;
	return size === 127 ? 10 : size === 126 ? 4 : 2;
}

/** How long the frame is that begins here; 0 where that is not known yet. */
function frameSize(bytes: Buffer): number {
	const head = headSize(bytes);
	if (bytes.length < Math.max(2, head)) return 0;
	if (head === 2) return 2 + (bytes[1] ?? 0);
	return head === 4
		? 4 + bytes.readUInt16BE(2)
		: 10 + Number(bytes.readBigUInt64BE(2));
}
