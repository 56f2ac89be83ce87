// `aeon serve` in a machine: started, looked at, ended.

import { GUEST_PORT, type Machine } from "./machine.ts";

/** What the machine's kernel tells of Aeon's memory, in megabytes (10^6 bytes). */
export interface Memory {
	resident: number;
	proportional: number;
	anonymous: number;
	/** What is left in the whole machine (MemAvailable). */
	available: number;
}

/** When it was started and when it first answered, in seconds since the kernel began. */
export interface Start {
	began: number;
	healthy: number;
}

const LOG = "/tmp/serve.log";
const BYTES_PER_KB = 1024;

/** Starts it and waits, inside the machine, until /health answers. */
export async function startServe(machine: Machine): Promise<Start> {
	const health = `http://127.0.0.1:${GUEST_PORT}/health`;
	const said = await machine.run(
		[
			"read began rest < /proc/uptime",
			`./aeon serve >> ${LOG} 2>&1 & AEON=$!`,
			`until wget -q -O /dev/null ${health} 2> /dev/null`,
			`do kill -0 $AEON || { cat ${LOG}; break; }`,
			"sleep 0.1",
			"done",
			"read healthy rest < /proc/uptime",
			'echo "began $began healthy $healthy"',
		].join("; "),
	);
	const match = /^began (\S+) healthy (\S+)$/.exec(said);
	if (!match) throw new Error(`aeon serve did not come up: ${said}`);
	return { began: Number(match[1]), healthy: Number(match[2]) };
}

/** Its memory now. */
export async function memoryOfServe(machine: Machine): Promise<Memory> {
	const text = await machine.run(
		"grep -E 'Rss|Pss|Anon' /proc/$AEON/smaps_rollup; grep Mem /proc/meminfo",
	);
	return {
		resident: megabytes(text, "Rss"),
		proportional: megabytes(text, "Pss"),
		anonymous: megabytes(text, "Anonymous"),
		available: megabytes(text, "MemAvailable"),
	};
}

/** A line of /proc/meminfo or smaps_rollup, in megabytes. */
export function megabytes(text: string, name: string): number {
	const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
	if (!kilobytes) throw new Error(`The machine does not tell ${name}: ${text}`);
	return (Number(kilobytes) * BYTES_PER_KB) / 1e6;
}

/** Kills it, as a lack of memory does. */
export async function killServe(machine: Machine): Promise<void> {
	await machine.run("kill -9 $AEON; wait $AEON; true");
}

/** Asks it to end. Throws where it does not do so in time, or not well. */
export async function endServe(machine: Machine): Promise<void> {
	const code = await machine.run("kill -TERM $AEON; wait $AEON; echo $?");
	if (code !== "0")
		throw new Error(
			`aeon serve was asked to end, and ended with ${code}: ${await machine.run(`cat ${LOG}`)}`,
		);
}
