// A client of the protocol's binary form.

import { decode, encode } from "cborg";
import { checkedEvent, type Told } from "../support/wire.ts";

/** What it is sent. */
export type Frame = { id: unknown; type: string } & Record<string, unknown>;

/** A client that speaks CBOR. `raw` has every frame as it came. */
export async function cborClient(server: { url: string; token: string }) {
	const socket = new WebSocket(`${server.url}/ws`, [
		"aeon.v1.cbor",
		`bearer.${server.token}`,
	]);
	socket.binaryType = "arraybuffer";
	const frames: Frame[] = [];
	const raw: Buffer[] = [];
	let wake = () => {};
	socket.onmessage = ({ data }) => {
		raw.push(Buffer.from(data));
		frames.push(decode(new Uint8Array(data)));
		wake();
	};
	await new Promise<void>((open) => {
		socket.onopen = () => open();
	});
	return {
		socket,
		raw,
		send: (value: unknown) => socket.send(encode(value)),
		async frame(fits: (frame: Frame) => boolean): Promise<Frame> {
			for (;;) {
				const found = frames.find(fits);
				if (found) {
					frames.splice(frames.indexOf(found), 1);
					return found;
				}
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
		},
		events: (): Told[] =>
			frames.filter(({ type }) => type === "event").map(checkedEvent),
		[Symbol.dispose]: () => socket.close(),
	};
}
