// What is written to the card, and what the processor does when nothing happens.

import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Figure, RUNS, type Subject } from "./rig/figure.ts";
import { processorMsOf, writtenBy } from "./rig/proc.ts";
import {
	client,
	type FarSides,
	type Listening,
	makeHome,
	startAeon,
	startFarSides,
	startFloor,
	staying,
} from "./rig/processes.ts";
import { startTalking, talk } from "./rig/talking.ts";

const SETTLE_MS = 15_000;
const MINUTE_MS = 60_000;

const TURNS = 200;
const SESSIONS = 10;
const PLAIN = "What is the weather like in Vienna today?";
const TOOL = "read notes.txt";

export const wear: Subject = {
	title: "Card wear",
	async measure(bench) {
		return [...(await idleFigures(bench)), ...(await turnFigures(bench))];
	},
};

async function idleFigures(bench: Bench): Promise<Figure[]> {
	const farSides: FarSides[] = [];
	const aeons: Listening[] = [];
	const floors: Listening[] = [];
	for (let n = 0; n < RUNS; n++) {
		const sides = await startFarSides();
		farSides.push(sides);
		aeons.push(await startTalking(bench, sides));
		await talk(sides);
		floors.push(await startFloor(bench));
	}
	const all = [...aeons, ...floors];
	const clients = await Promise.all(
		all.map((server) => staying({ mode: "hold", ...server, count: 1 })),
	);
	await Bun.sleep(SETTLE_MS);
	const idle = await Promise.all(all.map(minuteOf));
	for (const one of [...clients, ...farSides]) one.stop();
	await Promise.all(all.map((server) => server.stop()));
	const figure = (
		what: string,
		unit: string,
		of: (minute: Spent) => number,
	): Figure => ({
		what,
		unit,
		values: idle.slice(0, RUNS).map(of),
		floor: idle.slice(RUNS).map(of),
	});
	return [
		{
			...figure(
				"written to the disk in an idle minute",
				"bytes",
				({ written }) => written.toDisk,
			),
			aim: { most: 0 },
			note: `every dialog on, a client connected, a message of each dialog answered before; ${SETTLE_MS / 1000} s pass before the minute begins. The floor has a client, too.`,
		},
		{
			...figure("  files of its home changed", "", ({ files }) => files),
			aim: { most: 0 },
		},
		{
			...figure(
				"  by write(2), to whatever",
				"bytes",
				({ written }) => written.bytes,
			),
			note: "no file: these are the eight bytes by which a thread wakes another one (eventfd), as at each poll of Telegram.",
		},
		figure(
			"processor's time in an idle minute",
			"ms",
			({ processorMs }) => processorMs,
		),
	];
}

/** What a process has spent. */
interface Spent {
	written: { bytes: number; toDisk: number };
	/** How many files are not as old as before. */
	files: number;
	processorMs: number;
}

async function minuteOf({ pid, home }: Listening): Promise<Spent> {
	const began = Date.now();
	const processorMs = processorMsOf(pid);
	const written = writtenBy(pid);
	await Bun.sleep(MINUTE_MS);
	return {
		written: less(writtenBy(pid), written),
		files: filesSince(began, home),
		processorMs: processorMsOf(pid) - processorMs,
	};
}

function filesSince(began: number, home: string): number {
	const names = readdirSync(home, { recursive: true, encoding: "utf8" });
	const times = names.map((name) => statSync(join(home, name)).mtimeMs);
	return times.filter((time) => time >= began).length;
}

async function turnFigures(bench: Bench): Promise<Figure[]> {
	const home = makeHome(bench, "demo");
	const workspace = join(home, ".aeon", "workspace");
	mkdirSync(workspace, { recursive: true });
	writeFileSync(join(workspace, "notes.txt"), "Milk, bread, two lemons.\n");
	const aeon = await startAeon(bench, home);
	const plain: Spent["written"][] = [];
	const tool: Spent["written"][] = [];
	for (let n = 0; n < RUNS; n++) {
		plain.push(await writtenATurn(aeon, `plain${n}`, PLAIN));
		tool.push(await writtenATurn(aeon, `tool${n}`, TOOL));
	}
	await aeon.stop();
	const figures = (
		what: string,
		found: readonly Spent["written"][],
		note: string,
	): Figure[] => [
		{
			what: `written a turn${what}`,
			unit: "bytes",
			values: found.map(({ bytes }) => bytes),
			note,
		},
		{
			what: "  to the disk",
			unit: "bytes",
			values: found.map(({ toDisk }) => toDisk),
		},
	];
	return [
		...figures(
			"",
			plain,
			`${TURNS} turns a run in ${SESSIONS} new sessions, with what is made of them later: the database's log is brought into it. To the disk go whole pages.`,
		),
		...figures(" with a tool", tool, "a file read, and what it holds told."),
	];
}

/** In sessions of its own: how long one is already has an effect. */
async function writtenATurn(
	aeon: Listening,
	user: string,
	message: string,
): Promise<Spent["written"]> {
	const before = writtenBy(aeon.pid);
	await client({
		mode: "turns",
		...aeon,
		count: TURNS,
		sessions: Array.from(
			{ length: SESSIONS },
			(_, n) => `agent:main:ws:${user}-${n}`,
		),
		message,
	});
	Bun.spawnSync(["sync"]);
	const { bytes, toDisk } = less(writtenBy(aeon.pid), before);
	return { bytes: bytes / TURNS, toDisk: toDisk / TURNS };
}

function less(now: Spent["written"], before: Spent["written"]) {
	return {
		bytes: now.bytes - before.bytes,
		toDisk: now.toDisk - before.toDisk,
	};
}
