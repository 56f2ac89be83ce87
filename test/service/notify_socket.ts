import { dlopen, ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/home.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

/** The socket that systemd hears its services by (sd_notify(3)). */
export interface NotifySocket extends Disposable {
	/** What `NOTIFY_SOCKET` is set to. */
	address: string;
	/** Every datagram that has come since the last call. */
	take(): string[];
}

/** Listens for datagrams at a path, or at an abstract name. */
export function openNotifySocket(isAbstract = false): NotifySocket {
	const folder = temporaryFolder();
	const path = join(folder.path, "notify");
	const address = isAbstract ? `@${path}` : path;
	const libc = dlopen("libc.so.6", {
		socket: { args: ["int", "int", "int"], returns: "int" },
		bind: { args: ["int", "ptr", "u32"], returns: "int" },
		recv: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
	}).symbols;
	const name = Buffer.from(isAbstract ? `\0${path}` : `${path}\0`);
	const place = Buffer.concat([Buffer.from([AF_UNIX, 0]), name]);
	const descriptor = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
	if (libc.bind(descriptor, ptr(place), place.length) !== 0)
		throw new Error(`cannot bind ${address}`);
	const buffer = Buffer.alloc(4096);
	return {
		address,
		take() {
			const taken: string[] = [];
			for (;;) {
				const length = Number(
					libc.recv(descriptor, ptr(buffer), buffer.length, MSG_DONTWAIT),
				);
				if (length < 0) return taken;
				taken.push(buffer.toString("utf8", 0, length));
			}
		},
		[Symbol.dispose]() {
			closeSync(descriptor);
			folder[Symbol.dispose]();
		},
	};
}
