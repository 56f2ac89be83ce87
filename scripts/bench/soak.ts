// Whether a server that is used for long holds more and more: 20,000 turns of every kind over 500 sessions.

import { Database } from "bun:sqlite";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SOAK_FILE } from "./rig/acts.ts";
import {
	type Bench,
	type Figure,
	median,
	RUNS,
	type Subject,
} from "./rig/figure.ts";
import { slopeOf } from "./rig/line.ts";
import { dropCaches, type Memory } from "./rig/proc.ts";
import { client, makeHome, startAeon, startModel } from "./rig/processes.ts";
import type { Soaked } from "./rig/soak_client.ts";

const TURNS = 20_000;
const SESSIONS = Array.from({ length: 500 }, (_, n) => `agent:main:ws:s${n}`);

/** How turns of a kind end that do not end well. */
const ENDS: Record<string, string> = {
	refuse: "LLM_UNAVAILABLE",
	reset: "LLM_UNAVAILABLE",
	slow: "CANCELLED",
};

/** In two standard errors of a slope nothing rises that can be told from what varies. */
const ERRORS = 2;

export const soak: Subject = {
	title: "A soak of 20,000 turns",
	async measure(bench) {
		dropCaches();
		return figuresOf(
			await Promise.all(Array.from({ length: RUNS }, () => soakOnce(bench))),
		);
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
			"SELECT count(*) FROM messages WHERE role = 'assistant' AND content LIKE 'answer %'",
			answered,
		],
		["waiting", "SELECT count(*) FROM inbox WHERE done_at IS NULL", 0],
	];
	for (const [what, sql, wanted] of checks)
		if (figure(sql) !== wanted)
			throw new Error(`${what}: ${figure(sql)} in the database, not ${wanted}`);
	database.close();
}

function figuresOf(soaks: readonly Soaked[]): Figure[] {
	const curves = (part: keyof Memory) =>
		soaks.map(({ settled }) => settled.map((one) => one[part]));
	const slopes = (part: keyof Memory, share: number) =>
		curves(part).map((curve) =>
			slopeOf(curve.slice(-Math.round(TURNS / 1000 / share))),
		);
	const slope = (what: string, part: keyof Memory, share: number): Figure => ({
		what,
		unit: "MB per 1,000 turns",
		values: slopes(part, share).map(({ rise }) => rise),
	});
	const noise =
		ERRORS * median(slopes("resident", 4).map(({ error }) => error));
	return [
		{
			what: "resident after 20,000 turns, at once",
			unit: "MB",
			values: soaks.map(({ busy }) => busy.at(-1)?.resident ?? 0),
		},
		{
			what: "  3.5 s after 1,000 turns",
			unit: "MB",
			values: curves("resident").map((curve) => curve[1] ?? 0),
		},
		{
			what: "  3.5 s after 20,000 turns",
			unit: "MB",
			values: curves("resident").map((curve) => curve.at(-1) ?? 0),
			note: `over ${SESSIONS.length} sessions, 48 turns at once, five soaks at the same time: ${shares(soaks)}. Every turn ended as it had to, and the database holds each message and each answer once. Resident by thousand turns: ${points(curves("resident"))}. Anonymous: ${points(curves("anonymous"))}.`,
		},
		{
			...slope("  slope over all turns", "resident", 1),
			aim: { most: 1 },
		},
		{
			...slope("  slope over the second half", "resident", 2),
			aim: { most: 1 },
		},
		{
			...slope("  slope over the last quarter", "resident", 4),
			aim: { most: noise, because: "flat: two standard errors of the slope" },
		},
		slope("  of anonymous memory over the second half", "anonymous", 2),
	];
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

/** The medians of the curves, point by point. */
function points(curves: readonly (readonly number[])[]): string {
	const first = curves[0] ?? [];
	return first
		.map(
			(_, at) =>
				`${at}: ${median(curves.map((curve) => curve[at] ?? 0)).toFixed(1)}`,
		)
		.join(", ");
}
