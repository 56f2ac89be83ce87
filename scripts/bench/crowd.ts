// What a server does when many are connected.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { memoryOf } from "./proc.ts";
import {
	type Built,
	client,
	makeHome,
	startAeon,
	staying,
} from "./processes.ts";
import { mb, type Row } from "./row.ts";

const CLIENTS = 1000;
const SESSIONS = 100;
const DELTAS = 40;
const MESSAGE = `deltas=${DELTAS} every=20 size=400`;

const BACKLOG = "deltas=20 every=1 size=50000";

/** What clients cost that do nothing. */
export async function connectionsRows(built: Built): Promise<Row[]> {
	const aeon = await startAeon(built, makeHome(built, "fake"));
	await Bun.sleep(3000);
	const before = memoryOf(aeon.pid);
	const crowd = await staying({ mode: "hold", ...aeon, count: CLIENTS });
	await Bun.sleep(2000);
	const after = memoryOf(aeon.pid);
	crowd.stop();
	await aeon.stop();
	const each = ((after.anonymous - before.anonymous) * 1000) / CLIENTS;
	return [
		[
			`resident with ${CLIENTS} clients`,
			`${mb(after.resident)} (${mb(before.resident)} before), anonymous ${each.toFixed(1)} kB each`,
		],
	];
}

/** Many sessions stream to many clients, one of which never reads. */
export async function fanOutRows(built: Built): Promise<Row[]> {
	const aeon = await startAeon(built, makeHome(built, "fake"));
	const deaf = await staying({ mode: "deaf", ...aeon });
	// More than the system's buffers take, so that it is behind from the beginning.
	await client({ mode: "turns", ...aeon, count: 10, message: BACKLOG });
	const sessions = Array.from(
		{ length: SESSIONS },
		(_, n) => `agent:main:ws:s${n}`,
	);
	const found = await client({
		mode: "fan-out",
		...aeon,
		count: CLIENTS,
		sessions,
		message: MESSAGE,
	});
	const { frames = 0, gaps = 0, seconds = 0, perSecond = 0 } = found;
	const { resident } = memoryOf(aeon.pid);
	await Bun.sleep(12_000);
	const log = logOf(aeon.home);
	const slow = log.find(
		({ event, client }) =>
			event === "client.disconnected" && client === "client-1",
	);
	deaf.stop();
	await aeon.stop();
	// A start, the deltas and an end of every run, to each client.
	const wanted = SESSIONS * (DELTAS + 2) * CLIENTS;
	return [
		[
			`${SESSIONS} sessions to ${CLIENTS} clients, one more never reads`,
			`${frames} of ${wanted} frames, ${gaps} out of order or lost`,
		],
		["  in", `${seconds.toFixed(1)} s, ${perSecond.toFixed(0)} frames/s`],
		["  resident at the end", mb(resident)],
		[
			"  the one that never reads",
			slow
				? `closed with ${slow.code}, ${slow.dropped ?? 0} deltas dropped`
				: "still connected",
		],
	];
}

/** What a server logged. */
function logOf(home: string): Record<string, unknown>[] {
	const folder = join(home, ".aeon", "logs");
	return readdirSync(folder)
		.flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
		.flatMap((line) => (line ? [JSON.parse(line)] : []));
}
