// What a server holds when it has been used: after a thousand turns, with a thousand clients.

import { type Bench, type Figure, inTurns } from "./rig/figure.ts";
import {
	inOrder,
	memoryFigures,
	residentFigure,
} from "./rig/memory_figures.ts";
import { dropCaches, type Memory, memoryOf } from "./rig/proc.ts";
import {
	client,
	type Listening,
	makeHome,
	startAeon,
	startFloor,
	staying,
} from "./rig/processes.ts";

const TURNS = 1_000;
const MESSAGE = "deltas=20 size=40 head=0";
const SESSIONS = Array.from({ length: 25 }, (_, n) => `agent:main:ws:s${n}`);
const AFTER_TURNS_MS = 10_000;

const CLIENTS = 1_000;
const SETTLE_MS = 3_000;
const AFTER_CLIENTS_MS = 10_000;

/** After a thousand turns; each run has binaries of its own. */
export async function afterTurns(runs: readonly Bench[]): Promise<Figure[]> {
	const servers: Listening[] = [];
	const work = async (
		start: (bench: Bench) => Promise<Listening>,
		request?: string,
	) => {
		dropCaches();
		const bench = runs[servers.length >> 1];
		if (!bench) throw new Error("there are more runs than files");
		const server = await start(bench);
		servers.push(server);
		await client({
			mode: "turns",
			...server,
			count: TURNS,
			sessions: SESSIONS,
			message: MESSAGE,
			...(request && { request }),
		});
		const atOnce = memoryOf(server.pid);
		return {
			atOnce,
			rested: Bun.sleep(AFTER_TURNS_MS).then(() => memoryOf(server.pid)),
		};
	};
	const found = await inTurns(
		() => work((bench) => startAeon(bench, makeHome(bench, "fake"))),
		() => work(startFloor, `stream ${MESSAGE}`),
	);
	const rested = {
		aeon: await Promise.all(found.aeon.map((run) => run.rested)),
		floor: await Promise.all(found.floor.map((run) => run.rested)),
	};
	await Promise.all(servers.map((server) => server.stop()));
	const turns = TURNS.toLocaleString("en");
	return [
		residentFigure(`after ${turns} turns, at once`, {
			aeon: found.aeon.map(({ atOnce }) => atOnce),
			floor: found.floor.map(({ atOnce }) => atOnce),
		}),
		...memoryFigures(
			`after ${turns} turns, ${AFTER_TURNS_MS / 1000} s later`,
			rested,
			{
				note: `one turn after the other in ${SESSIONS.length} sessions, answers of 20 pieces. The floor passes the pieces on and keeps nothing. No dialog is on.`,
			},
		),
	];
}

/** With a thousand clients that do nothing, and after they have left. */
export async function withClients(runs: readonly Bench[]): Promise<Figure[]> {
	dropCaches();
	const started = await inOrder(runs, async (bench) => ({
		aeon: await startAeon(bench, makeHome(bench, "fake")),
		floor: await startFloor(bench),
	}));
	await Bun.sleep(SETTLE_MS);
	const held = (which: "aeon" | "floor") =>
		Promise.all(started.map((servers) => hold(servers[which])));
	const [aeon, floor] = await Promise.all([held("aeon"), held("floor")]);
	await Promise.all(
		started.flatMap((servers) => [servers.aeon.stop(), servers.floor.stop()]),
	);
	const of = (when: keyof Held) => ({
		aeon: aeon.map((one) => one[when]),
		floor: floor.map((one) => one[when]),
	});
	const each = ({ before, full }: Held) =>
		((full.anonymous - before.anonymous) * 1e6) / CLIENTS;
	const clients = CLIENTS.toLocaleString("en");
	return [
		...memoryFigures(`with ${clients} idle clients`, of("full"), {
			note: "no dialog is on.",
		}),
		{
			what: "  anonymous, each client",
			unit: "bytes",
			values: aeon.map(each),
			floor: floor.map(each),
		},
		...memoryFigures(
			`${AFTER_CLIENTS_MS / 1000} s after ${clients} clients have left`,
			of("left"),
			{ note: "no dialog is on." },
		),
	];
}

/** What a server held before its clients came, with them, and after they had left. */
interface Held {
	before: Memory;
	full: Memory;
	left: Memory;
}

async function hold(server: Listening): Promise<Held> {
	const before = memoryOf(server.pid);
	const crowd = await staying({ mode: "hold", ...server, count: CLIENTS });
	await Bun.sleep(SETTLE_MS);
	const full = memoryOf(server.pid);
	crowd.stop();
	await Bun.sleep(AFTER_CLIENTS_MS);
	return { before, full, left: memoryOf(server.pid) };
}
