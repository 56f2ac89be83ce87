// Whether a server that is used for long holds more and more: 20,000 turns of every kind over 500 sessions.

import { Database } from "bun:sqlite";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SOAK_FILE } from "./rig/acts.ts";
import { type Bench, type Figure, median, type Subject } from "./rig/figure.ts";
import { slopeOf } from "./rig/line.ts";
import {
	memoryFigures,
	ownFiles,
	residentFigure,
} from "./rig/memory_figures.ts";
import { dropCaches, type Memory, memoryOf } from "./rig/proc.ts";
import {
	client,
	makeHome,
	startAeon,
	startFloor,
	startModel,
} from "./rig/processes.ts";
import { IN_FLIGHT, SETTLE_MS, type Soaked } from "./rig/soak_client.ts";

const TURNS = 20_000;
const SESSIONS = Array.from({ length: 500 }, (_, n) => `agent:main:ws:s${n}`);

/** How turns of a kind end that do not end well. */
const ENDS: Record<string, string> = {
	refuse: "LLM_UNAVAILABLE",
	reset: "LLM_UNAVAILABLE",
	slow: "CANCELLED",
};

/** What the floor does instead: turns of the kind "say", passed on and not kept. */
const PLAIN = "stream turn=1 does=say";

/** MB per 1,000 turns: what is still flat in the last quarter. */
const FLAT = 0.2;
/** MB per 1,000 turns: what memory may rise by. */
const MOST = 1;

export const soak: Subject = {
	title: "A soak of 20,000 turns",
	async measure(bench) {
		const runs = ownFiles(bench);
		dropCaches();
		const soaks = await Promise.all(runs.map(soakOnce));
		dropCaches();
		const floors = await Promise.all(runs.map(floorOnce));
		return [...heldFigures(soaks, floors), ...slopeFigures(soaks)];
	},
};

async function soakOnce(bench: Bench): Promise<Soaked> {
	const home = makeHome({ ...bench, model: await startModel() }, "fake");
	const workspace = join(home, ".aeon", "workspace");
	mkdirSync(workspace, { recursive: true, mode: 0o700 });
	writeFileSync(join(workspace, SOAK_FILE), "what a long day\n".repeat(600));
	const aeon = await startAeon(bench, home);
	const soaked = await client<Soaked>({
		mode: "soak",
		...aeon,
		count: TURNS,
		sessions: SESSIONS,
	});
	await aeon.stop();
	checkEnds(soaked);
	checkDatabase(join(home, ".aeon", "sessions.db"), soaked);
	return soaked;
}

/** What a server holds after the last turn: at once, and settled. */
interface Ended {
	busy: Memory;
	settled: Memory;
}

async function floorOnce(bench: Bench): Promise<Ended> {
	const floor = await startFloor({ ...bench, model: await startModel() });
	await client({
		mode: "throng",
		...floor,
		count: TURNS,
		sessions: SESSIONS.slice(0, IN_FLIGHT),
		request: PLAIN,
	});
	const busy = memoryOf(floor.pid);
	await Bun.sleep(SETTLE_MS);
	const settled = memoryOf(floor.pid);
	await floor.stop();
	return { busy, settled };
}

/** Throws where a turn has not ended as one of its kind does. */
function checkEnds({ acts, ends }: Soaked): void {
	const wanted: Record<string, number> = {};
	for (const [act, count] of Object.entries(acts)) {
		const end = ENDS[act] ?? "done";
		wanted[end] = (wanted[end] ?? 0) + count;
	}
	const turns = Object.values(acts).reduce((sum, count) => sum + count, 0);
	if (turns !== TURNS || !Bun.deepEquals(ends, wanted))
		throw new Error(
			`turns ended as ${JSON.stringify(ends)}, wanted ${JSON.stringify(wanted)}`,
		);
}

/** Each begins with its turn's number and a point. */
const ANSWERS =
	"FROM messages WHERE role = 'assistant' AND content LIKE 'answer %'";

/** Throws where not every message, and every answer that was begun, is in the database, each once. */
function checkDatabase(path: string, { acts }: Soaked): void {
	const database = new Database(path, { readonly: true });
	const figure = (sql: string) => database.query(sql).values()[0]?.[0];
	const answered = TURNS - (acts.refuse ?? 0);
	const checks: [what: string, sql: string, wanted: unknown][] = [
		["whole", "PRAGMA quick_check", "ok"],
		["sessions", "SELECT count(*) FROM sessions", SESSIONS.length],
		[
			"messages",
			"SELECT count(DISTINCT content) FROM messages WHERE role = 'user'",
			TURNS,
		],
		[
			"messages twice",
			"SELECT count(*) FROM messages WHERE role = 'user'",
			TURNS,
		],
		[
			"answers",
			`SELECT count(DISTINCT substr(content, 1, instr(content, '.'))) ${ANSWERS}`,
			answered,
		],
		["answers twice", `SELECT count(*) ${ANSWERS}`, answered],
		["waiting", "SELECT count(*) FROM inbox WHERE done_at IS NULL", 0],
	];
	for (const [what, sql, wanted] of checks)
		if (figure(sql) !== wanted)
			throw new Error(`${what}: ${figure(sql)} in the database, not ${wanted}`);
	database.close();
}

function heldFigures(
	soaks: readonly Soaked[],
	floors: readonly Ended[],
): Figure[] {
	const settled = (at: number) => ({
		aeon: soaks.map((soak) => pointOf(soak.settled, at)),
	});
	return [
		residentFigure("resident after 20,000 turns, at once", {
			aeon: soaks.map(({ busy }) => pointOf(busy, -1)),
			floor: floors.map(({ busy }) => busy),
		}),
		...memoryFigures(`${SETTLE_MS / 1000} s after 1,000 turns`, settled(1)),
		...memoryFigures(
			`${SETTLE_MS / 1000} s after 20,000 turns`,
			{ ...settled(-1), floor: floors.map((floor) => floor.settled) },
			{
				note: `over ${SESSIONS.length} sessions, ${IN_FLIGHT} turns at once, five soaks at the same time, each of a file of its own; no dialog is on. Of the turns there are ${shares(soaks)}. Every turn ended as it had to, and the database holds each message and each answer once. The floor passes as many plain answers on, ${IN_FLIGHT} at once, and keeps nothing. Resident by thousand turns: ${points(soaks, "resident")}. Anonymous: ${points(soaks, "anonymous")}.`,
			},
		),
	];
}

function slopeFigures(soaks: readonly Soaked[]): Figure[] {
	const slopes = (
		when: "busy" | "settled",
		part: keyof Memory,
		share: number,
	) =>
		soaks.map((soak) =>
			slopeOf(
				soak[when]
					.map((memory) => memory[part])
					.slice(-1 - Math.round(TURNS / 1000 / share)),
			),
		);
	const slope = (what: string, ...of: Parameters<typeof slopes>): Figure => ({
		what,
		unit: "MB per 1,000 turns",
		values: slopes(...of).map(({ rise }) => rise),
		aim: { most: MOST },
	});
	const end = slopes("settled", "anonymous", 2);
	const rises = end.map(({ rise }) => rise.toFixed(3)).join(", ");
	const error = median(end.map((one) => one.error)).toFixed(3);
	const underLoad = soaks.map(({ busy }) =>
		slopeOf(busy.slice(1).map(({ resident }) => resident)),
	);
	return [
		{
			what: "slope of anonymous memory over the second half, up or down",
			unit: "MB per 1,000 turns",
			values: end.map(({ rise }) => Math.abs(rise)),
			aim: { most: FLAT, because: "flat" },
			note: `of the five soaks: ${rises}; standard error of one: ${error}. Which pages of the program are mapped at the moment makes resident memory go up and down, not this. All turns are all points, that before the first turn among them.`,
		},
		slope("  over the last quarter", "settled", "anonymous", 4),
		slope("  over all turns", "settled", "anonymous", 1),
		slope("slope of resident, last quarter", "settled", "resident", 4),
		slope("  over the second half", "settled", "resident", 2),
		slope("  over all turns", "settled", "resident", 1),
		{
			what: "  from 1,000 turns on, at once",
			unit: "MB per 1,000 turns",
			values: underLoad.map(({ rise }) => rise),
			aim: { most: MOST },
			note: "the conversations that are in flight grow from 2 turns to 40 meanwhile.",
		},
	];
}

function pointOf(curve: readonly Memory[], at: number): Memory {
	const point = curve.at(at);
	if (!point) throw new Error("a soak ended before it was looked at");
	return point;
}

/** What the turns were. */
function shares(soaks: readonly Soaked[]): string {
	const { acts = {}, reconnects = 0 } = soaks[0] ?? {};
	const of = (...names: string[]) =>
		names
			.reduce((sum, name) => sum + (acts[name] ?? 0), 0)
			.toLocaleString("en");
	return `${of("write", "read", "exec", "deny")} with a tool call (${of("exec")} commands that print 1 MB), ${of("refuse")} where the model says 529 four times, ${of("falter")} where it says it once, ${of("reset")} where it is cut off in its answer, ${of("slow")} that are stopped, ${reconnects.toLocaleString("en")} times a client that goes away in mid-answer and comes again`;
}

/** The medians of the settled curves, point by point. */
function points(soaks: readonly Soaked[], part: keyof Memory): string {
	const first = soaks[0]?.settled ?? [];
	return first
		.map((_, at) => {
			const all = soaks.map(({ settled }) => pointOf(settled, at)[part]);
			return `${at}: ${median(all).toFixed(1)}`;
		})
		.join(", ");
}
