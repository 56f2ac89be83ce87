// A platform that keeps files for its bots, on a real socket, and a fetch as a dialog has it.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { AeonError } from "../../src/core/errors.ts";
import type { RemoteFile } from "../../src/core/message.ts";

/** What happens where a file is asked for: its bytes, a status, or bytes that never end or break off. */
export type Served =
	| Uint8Array
	| { status: number }
	| { endless: true }
	| { broken: Uint8Array };

/** A running host. */
export interface FileHost extends Disposable {
	/** The ids that were asked for, in order. */
	asked: string[];
	/** Throws as the port of the dialogs says. */
	fetch(file: RemoteFile, signal: AbortSignal): AsyncGenerator<Uint8Array>;
}

/** Starts a host; a list is served one after the other, its last one from then on. */
export async function startFileHost(
	files: Record<string, Served[] | Served>,
): Promise<FileHost> {
	const asked: string[] = [];
	const server = createServer((request, response) => {
		const id = request.url?.slice(1) ?? "";
		const turn = asked.filter((one) => one === id).length;
		asked.push(id);
		const all = [files[id] ?? { status: 404 }].flat() as Served[];
		const served = all[Math.min(turn, all.length - 1)] as Served;
		if (served instanceof Uint8Array) return void response.end(served);
		if ("status" in served)
			return void response.writeHead(served.status).end("no");
		response.writeHead(200, { "content-length": 1_000_000_000 });
		if ("broken" in served)
			return void response.write(served.broken, () => request.socket.destroy());
		const more = () => {
			while (response.writable && response.write(new Uint8Array(1_000_000)));
		};
		response.on("drain", more);
		more();
	});
	await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
	const { port } = server.address() as AddressInfo;
	return {
		asked,
		fetch: ({ id }, signal) =>
			fetchFile(`http://127.0.0.1:${port}/${id}`, signal),
		[Symbol.dispose]() {
			server.close();
			server.closeAllConnections();
		},
	};
}

async function* fetchFile(
	url: string,
	signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
	const response = await fetch(url, { signal, keepalive: false });
	if (!response.ok)
		throw new AeonError(
			response.status < 500 ? "peer_rejected" : "peer_unavailable",
			`the host said ${response.status}`,
		);
	try {
		yield* response.body ?? [];
	} catch (error) {
		signal.throwIfAborted();
		throw new AeonError("peer_silent", "the connection broke", {
			cause: error,
		});
	}
}
