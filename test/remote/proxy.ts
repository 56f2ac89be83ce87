// A wire between a client and a server that a test can cut.

import { connect, createServer, type Socket } from "node:net";

/** A running wire. */
export interface Wire extends Disposable {
	/** The address to connect to in place of the server's. */
	url: string;
	/** How many connections were made. */
	count(): number;
	/** Cuts the next connection after so many of the server's frames. */
	cutAfter(frames: number): void;
	/** Cuts what is connected, now. */
	cut(): void;
	/** Lets nothing through any more on what is connected, and closes nothing. */
	hush(): void;
}

/** Lays a wire to the server at this address. */
export async function layWire(target: string): Promise<Wire> {
	const { hostname, port } = new URL(target);
	const pairs = new Set<Socket>();
	let count = 0;
	let framesLeft: number | undefined;
	const server = createServer((near) => {
		count++;
		const far = connect(Number(port), hostname);
		const cut = () => {
			near.destroy();
			far.destroy();
		};
		for (const socket of [near, far]) {
			pairs.add(socket);
			socket.on("error", cut);
			socket.on("close", () => {
				pairs.delete(socket);
				cut();
			});
		}
		near.on("data", (bytes) => far.write(bytes));
		const limit = framesLeft;
		framesLeft = undefined;
		const through = limit === undefined ? undefined : frameCounter(limit);
		far.on("data", (bytes) => {
			if (!through) return void near.write(bytes);
			const { passed, isOver } = through(bytes);
			near.write(passed, () => isOver && cut());
		});
	});
	await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
	const address = server.address();
	const own = typeof address === "object" ? address?.port : undefined;
	const destroyAll = () => {
		for (const socket of pairs) socket.destroy();
	};
	return {
		url: `ws://127.0.0.1:${own}`,
		count: () => count,
		cutAfter(frames) {
			framesLeft = frames;
		},
		cut: destroyAll,
		hush() {
			for (const socket of pairs) socket.removeAllListeners("data").resume();
		},
		[Symbol.dispose]() {
			destroyAll();
			server.close();
		},
	};
}

/** Passes the handshake and so many whole frames of a server (RFC 6455 section 5.2: not masked). */
function frameCounter(limit: number) {
	let held = Buffer.alloc(0);
	let hasShaken = false;
	let frames = 0;
	return (bytes: string | Uint8Array): { passed: Buffer; isOver: boolean } => {
		held = Buffer.concat([held, Buffer.from(bytes as Uint8Array)]);
		let end = 0;
		if (!hasShaken) {
			const at = held.indexOf("\r\n\r\n");
			if (at < 0) return { passed: Buffer.alloc(0), isOver: false };
			hasShaken = true;
			end = at + 4;
		}
		while (frames < limit) {
			const size = frameSize(held.subarray(end));
			if (size === undefined || held.length < end + size) break;
			end += size;
			frames++;
		}
		const passed = Buffer.from(held.subarray(0, end));
		held = held.subarray(end);
		return { passed, isOver: frames === limit };
	};
}

function frameSize(bytes: Buffer): number | undefined {
	const short = (bytes[1] ?? 0) & 0x7f;
	if (bytes.length < 2) return undefined;
	if (short < 126) return 2 + short;
	if (short === 126)
		return bytes.length < 4 ? undefined : 4 + bytes.readUInt16BE(2);
	return bytes.length < 10 ? undefined : 10 + Number(bytes.readBigUInt64BE(2));
}
