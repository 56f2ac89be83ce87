// HTTP and WebSockets by hand, for what no client does.

import { connect, type Socket } from "node:net";

/** What came back for the bytes of a request. */
export interface RawResponse {
	status: number;
	/** The head as it came. */
	head: string;
	body: string;
}

/** Sends a request as it is written, its lines without their ends, and reads the response until there is enough of it. */
export async function rawRequest(
	port: number,
	lines: string[],
	body = "",
): Promise<RawResponse> {
	const socket = connect(port, "127.0.0.1");
	socket.on("error", () => {});
	socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
	let text = "";
	try {
		for await (const chunk of socket) {
			text += Buffer.from(chunk).toString("latin1");
			const end = text.indexOf("\r\n\r\n");
			if (end < 0) continue;
			const head = text.slice(0, end);
			const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
			if (text.length >= end + 4 + length) break;
		}
	} finally {
		socket.destroy();
	}
	const [head = "", rest = ""] = text.split("\r\n\r\n");
	return { status: Number(head.split(" ")[1] ?? 0), head, body: rest };
}

/** The lines of a WebSocket handshake, with these headers in place of its own; one that is empty is left out. */
export function handshake(
	port: number,
	headers: Record<string, string> = {},
	path = "/ws",
): string[] {
	const all = {
		Host: `127.0.0.1:${port}`,
		Upgrade: "websocket",
		Connection: "Upgrade",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
		"Sec-WebSocket-Version": "13",
		...headers,
	};
	return [
		`GET ${path} HTTP/1.1`,
		...Object.entries(all)
			.filter(([, value]) => value !== "")
			.map(([name, value]) => `${name}: ${value}`),
	];
}

/** A WebSocket that is never read from once it is open. */
export async function deafClient(
	port: number,
	token: string,
): Promise<{
	socket: Socket;
	closed: Promise<void>;
	send(text: string): void;
}> {
	const socket = connect(port, "127.0.0.1");
	const closed = new Promise<void>((resolve) => socket.once("close", resolve));
	socket.on("error", () => {});
	const lines = handshake(port, { Authorization: `Bearer ${token}` });
	socket.write(`${lines.join("\r\n")}\r\n\r\n`);
	await new Promise<void>((resolve) => socket.once("data", () => resolve()));
	socket.pause();
	return { socket, closed, send: (text) => socket.write(frame(text)) };
}

/** A text frame of a client, masked with zeroes (RFC 6455 section 5.2). */
function frame(text: string): Buffer {
	const bytes = Buffer.from(text);
	return Buffer.concat([
		Buffer.from([0x81]),
		sizeOf(bytes.length),
		Buffer.alloc(4),
		bytes,
	]);
}

/** A length and the mark that a mask follows. */
function sizeOf(length: number): Buffer {
	if (length < 126) return Buffer.from([0x80 | length]);
	const size = Buffer.alloc(length < 65_536 ? 3 : 9);
	size[0] = 0x80 | (length < 65_536 ? 126 : 127);
	if (length < 65_536) size.writeUInt16BE(length, 1);
	else size.writeBigUInt64BE(BigInt(length), 1);
	return size;
}
