// Who listens where aeon serve wants to listen.

import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type Check, ok, problem } from "./check.ts";
import type { Patient } from "./patient.ts";

/** The state of a socket that listens, in /proc/net/tcp (proc_net(5)). */
const LISTENS = "0A";

const PRIVILEGED_PORTS = 1024;

/** Addresses as /proc/net/tcp and tcp6 write them: every 32 bits from their end. */
const ANY_ADDRESS = /^0+$/;
const LOOPBACK_6 = "0".repeat(24).concat("01000000");
const LOOPBACK = new RegExp(`^(?:.*7F|${LOOPBACK_6})$`);
/** What stands before an IPv4 address in tcp6. */
const MAPPED = /^0{16}FFFF0000/;

/** A socket that listens. */
interface Listener {
	inode: string;
	/** Whose it is. */
	uid: number;
}

/** Whether the port is free, or the server's own. */
export const port: Check = {
	name: "port",
	readsState: true,
	async look(patient) {
		const { settings, error } = await patient.configured();
		const { host, port: number } = settings.server;
		const name = `${host}:${number}`;
		if (number === 0) return [ok("any that is free")];
		const listener = findListener(patient, host, number);
		if (!listener) {
			if (number < lowestPort(patient) && patient.parts.uid !== 0)
				return [
					problem(
						`${name} is for root alone`,
						"Write a server.port of 1024 or more.",
					),
				];
			return [ok(`${name} is free`)];
		}
		const server = patient.server();
		if (server && URL.parse(server.url)?.port === String(number))
			return [ok(`${name} is the server's own`)];
		const who = findProgram(patient, listener.inode);
		const user = patient.userName(listener.uid);
		const { installation, home } = patient.parts;
		if (installation?.user === user && installation.home !== home)
			return [ok(`${name} is that of the installed service`)];
		return [
			problem(
				`${name} is taken by ${who ?? `a program of ${user}`}`,
				error === undefined
					? "End that one, or write another server.port into aeon.json."
					: undefined,
			),
		];
	},
};

/** The socket that keeps others from listening there, by its number. */
function findListener(
	patient: Patient,
	host: string,
	port: number,
): Listener | undefined {
	const hex = port.toString(16).toUpperCase().padStart(4, "0");
	for (const table of ["/proc/self/net/tcp", "/proc/self/net/tcp6"])
		for (const line of (patient.read(table) ?? "").split("\n").slice(1)) {
			const [, local = "", , state, , , , uid, , inode = ""] = line
				.trim()
				.split(/\s+/);
			const [address = "", at] = local.split(":");
			if (state === LISTENS && at === hex && isInTheWay(address, host))
				return { inode, uid: Number(uid) };
		}
	return undefined;
}

/** True where nobody can listen at this host beside somebody at that address. */
function isInTheWay(address: string, host: string): boolean {
	if (["0.0.0.0", "::", ""].includes(host) || ANY_ADDRESS.test(address))
		return true;
	const plain = address.replace(MAPPED, "");
	const parts = host.split(".").map(Number);
	if (parts.length === 4 && !parts.some(Number.isNaN))
		return plain === Buffer.from(parts.reverse()).toString("hex").toUpperCase();
	if (host === "::1") return plain === LOOPBACK_6;
	// What another name or address stands for is not looked up.
	return LOOPBACK.test(plain) === (host === "localhost");
}

/** The program that has a socket open, where this user may see that. */
function findProgram(patient: Patient, inode: string): string | undefined {
	for (const pid of list(patient.at("/proc"))) {
		if (!/^\d+$/.test(pid)) continue;
		const folder = patient.at(`/proc/${pid}/fd`);
		for (const descriptor of list(folder))
			if (linkOf(join(folder, descriptor)) === `socket:[${inode}]`) {
				const name = patient.read(`/proc/${pid}/comm`)?.trim();
				return `${name ?? "a program"} (process ${pid})`;
			}
	}
	return undefined;
}

function lowestPort(patient: Patient): number {
	const path = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
	const text = patient.read(path);
	return text === undefined ? PRIVILEGED_PORTS : Number(text);
}

/** The names in a folder; none where it cannot be read. */
function list(folder: string): string[] {
	try {
		return readdirSync(folder);
	} catch {
		return [];
	}
}

function linkOf(path: string): string | undefined {
	try {
		return readlinkSync(path);
	} catch {
		return undefined;
	}
}
