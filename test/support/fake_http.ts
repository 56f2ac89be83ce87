// HTTP/1.1 by hand, for a fake that has to be able to hang, reset and refuse.

import { createServer, type Server, type Socket } from "node:net";

/** A request as it arrived, and its connection. */
export interface HttpCall {
	method: string;
	path: string;
	/** Names in small letters. */
	headers: Record<string, string>;
	body: Buffer;
	/** Resolves once the connection is gone, whoever ended it. */
	closed: Promise<void>;
	isClosed(): boolean;
	/** False where nothing can get there any more. */
	answer(
		status: number,
		body: string | Uint8Array,
		headers?: Record<string, string>,
	): boolean;
	/** Ends the connection with a RST. */
	reset(): void;
}

/** A listening socket. */
export interface HttpFake {
	port: number;
	/** Connections are refused from now on, and those that are open are reset. */
	refuse(): Promise<void>;
	/** Listens again, on the same port. */
	accept(): Promise<void>;
	/** What is open now stays open and is never answered any more; new connections work. */
	freeze(): void;
	stop(): Promise<void>;
}

/** Listens on loopback, with keep-alive, as the real one does. */
export async function startHttp(
	wantedPort: number,
	onCall: (call: HttpCall) => void,
): Promise<HttpFake> {
	const sockets = new Set<Socket>();
	const frozen = new Set<Socket>();

	const onConnection = (socket: Socket) => {
		sockets.add(socket);
		socket.setNoDelay(true);
		let isClosed = false;
		const closed = new Promise<void>((resolve) => {
			socket.once("close", () => {
				isClosed = true;
				sockets.delete(socket);
				frozen.delete(socket);
				resolve();
			});
		});
		// A reset by either side is part of the play.
		socket.on("error", () => socket.destroy());
		let bytes = Buffer.alloc(0);
		socket.on("data", (chunk) => {
			if (frozen.has(socket)) return;
			bytes = Buffer.concat([bytes, Buffer.from(chunk)]);
			for (;;) {
				const read = readRequest(bytes);
				if (!read) return;
				bytes = bytes.subarray(read.length);
				onCall({
					...read.request,
					closed,
					isClosed: () => isClosed,
					answer(status, body, headers = {}) {
						if (isClosed || frozen.has(socket)) return false;
						socket.write(responseBytes(status, body, headers));
						return true;
					},
					reset: () => void socket.resetAndDestroy(),
				});
			}
		});
	};

	let server: Server | undefined;
	const listen = async (port: number) => {
		const next = createServer(onConnection);
		await new Promise<void>((ready, failed) => {
			next.once("error", failed);
			next.listen(port, "127.0.0.1", ready);
		});
		server = next;
		const address = next.address();
		return typeof address === "object" && address ? address.port : port;
	};
	const close = () => {
		server?.close();
		server = undefined;
	};
	const port = await listen(wantedPort);

	return {
		port,
		async refuse() {
			close();
			for (const socket of [...sockets]) socket.resetAndDestroy();
		},
		async accept() {
			if (!server) await listen(port);
		},
		freeze() {
			for (const socket of sockets) frozen.add(socket);
		},
		async stop() {
			close();
			for (const socket of [...sockets]) socket.destroy();
		},
	};
}

/** The first whole request in what came so far. */
function readRequest(bytes: Buffer) {
	const end = bytes.indexOf("\r\n\r\n");
	if (end < 0) return undefined;
	const [first = "", ...lines] = bytes
		.subarray(0, end)
		.toString()
		.split("\r\n");
	const headers: Record<string, string> = Object.fromEntries(
		lines.map((line) => {
			const colon = line.indexOf(":");
			return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
		}),
	);
	const from = end + 4;
	const isChunked = /chunked/i.test(headers["transfer-encoding"] ?? "");
	const body = isChunked
		? readChunks(bytes, from)
		: readLength(bytes, from, Number(headers["content-length"] ?? 0));
	if (!body) return undefined;
	const [method = "", path = ""] = first.split(" ");
	return {
		length: body.end,
		request: { method, path, headers, body: body.bytes },
	};
}

function readLength(bytes: Buffer, from: number, length: number) {
	if (bytes.length < from + length) return undefined;
	return {
		bytes: Buffer.from(bytes.subarray(from, from + length)),
		end: from + length,
	};
}

function readChunks(bytes: Buffer, from: number) {
	const pieces: Buffer[] = [];
	for (let at = from; ; ) {
		const lineEnd = bytes.indexOf("\r\n", at);
		if (lineEnd < 0) return undefined;
		const size = Number.parseInt(bytes.subarray(at, lineEnd).toString(), 16);
		const end = lineEnd + 2 + size + 2;
		if (bytes.length < end) return undefined;
		if (size === 0) return { bytes: Buffer.concat(pieces), end };
		pieces.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
		at = end;
	}
}

function responseBytes(
	status: number,
	body: string | Uint8Array,
	headers: Record<string, string>,
): Buffer {
	const content = Buffer.from(body);
	const head = Object.entries({
		"content-type": "application/json",
		"content-length": String(content.length),
		connection: "keep-alive",
		...headers,
	}).map(([name, value]) => `${name}: ${value}`);
	return Buffer.concat([
		Buffer.from(`HTTP/1.1 ${status} Status\r\n${head.join("\r\n")}\r\n\r\n`),
		content,
	]);
}
