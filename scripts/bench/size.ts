// How large the binary is, and how soon it is there.

import {
	type Bench,
	type Figure,
	inTurns,
	RUNS,
	type Subject,
} from "./rig/figure.ts";
import { dropCaches } from "./rig/proc.ts";
import {
	answersAt,
	type Listening,
	makeHome,
	startAeon,
	startFloor,
} from "./rig/processes.ts";

/** More than elsewhere: a start is short, and what else the machine does meets it whole. */
const STARTS = 15;

export const size: Subject = {
	title: "Size and start",
	async measure(bench) {
		return [
			...(await sizes(bench)),
			...(await serverStarts(bench)),
			...(await commandRuns(bench)),
		];
	},
};

async function sizes({ aeon, floor }: Bench): Promise<Figure[]> {
	const of = (what: string, bytes: number, floorBytes: number): Figure => ({
		what,
		unit: "MB",
		values: [bytes / 1e6],
		floor: [floorBytes / 1e6],
	});
	const binary = of("binary", Bun.file(aeon).size, Bun.file(floor).size);
	if (!Bun.which("xz"))
		return [{ ...binary, note: "no .xz, for xz is not installed." }];
	return [
		binary,
		of("  as .xz", await compressedBytes(aeon), await compressedBytes(floor)),
	];
}

/** What scripts/cross-compile.ts makes of it with xz, in bytes. */
async function compressedBytes(file: string): Promise<number> {
	const xz = Bun.spawn(["xz", "--stdout", "--threads=0", file], {
		stdout: "pipe",
	});
	let bytes = 0;
	for await (const piece of xz.stdout) bytes += piece.length;
	if ((await xz.exited) !== 0) throw new Error("xz failed");
	return bytes;
}

/** Milliseconds from the spawn on. */
interface Start {
	health: number;
	ready: number;
}

async function serverStarts(bench: Bench): Promise<Figure[]> {
	const home = makeHome(bench, "fake");
	const floorHome = makeHome(bench, "fake");
	const aeon = () => startedBy(() => startAeon(bench, home));
	const floor = () => startedBy(() => startFloor(bench, floorHome));
	// The first start of a home makes its database, and brings both binaries into the cache.
	await aeon();
	await floor();
	const warm: { aeon: Start[]; floor: Start[] } = { aeon: [], floor: [] };
	for (let starts = 0; starts < STARTS; starts += RUNS) {
		const found = await inTurns(aeon, floor);
		warm.aeon.push(...found.aeon);
		warm.floor.push(...found.floor);
	}
	const figure = (
		what: string,
		of: keyof Start,
		found: typeof warm,
		note?: string,
	): Figure => ({
		what,
		unit: "ms",
		values: found.aeon.map((start) => start[of]),
		floor: found.floor.map((start) => start[of]),
		...(note && { note }),
	});
	const figures = [
		figure(
			"spawn → /health",
			"health",
			warm,
			`${STARTS} starts from a warm file cache, each in a home that has been used; Aeon's start of itself without the compilers is in it. It is asked until it answers.`,
		),
		figure(
			"spawn → /ready",
			"ready",
			warm,
			"the floor is ready when it answers.",
		),
	];
	if (!dropCaches()) return figures;
	const from = (start: () => Promise<Start>) => () => {
		dropCaches();
		return start();
	};
	const cold = await inTurns(from(aeon), from(floor));
	return [
		...figures,
		figure(
			"  /health from a cold file cache",
			"health",
			cold,
			"the system's file cache was emptied before each start; what it takes then is the disk's.",
		),
		figure("  /ready from a cold file cache", "ready", cold),
	];
}

async function startedBy(start: () => Promise<Listening>): Promise<Start> {
	const server = await start();
	const before = performance.now();
	await answersAt(`${server.url.replace("ws:", "http:")}/ready`);
	const ready = server.healthMs + performance.now() - before;
	await server.stop();
	return { health: server.healthMs, ready };
}

/** Commands from their spawn to their end. */
async function commandRuns(bench: Bench): Promise<Figure[]> {
	const home = makeHome(bench, "demo");
	const times: Record<"version" | "floor" | "chat", number[]> = {
		version: [],
		floor: [],
		chat: [],
	};
	for (let n = 0; n < STARTS; n++) {
		times.version.push(await ranMs(home, [bench.aeon, "--version"]));
		times.floor.push(
			await ranMs(home, [bench.floor, "--version"], { BUN_BE_BUN: "1" }),
		);
		times.chat.push(
			await ranMs(home, [bench.aeon, "chat", "--demo", "-m", "hello"]),
		);
	}
	return [
		{
			what: "aeon --version",
			unit: "ms",
			values: times.version,
			floor: times.floor,
			note: "from the spawn to the end; the floor's is Bun's own --version, of the same file.",
		},
		{
			what: "aeon chat --demo -m hello",
			unit: "ms",
			values: times.chat,
			note: "a whole turn: the database opened, a message and its answer kept.",
		},
	];
}

async function ranMs(
	home: string,
	command: string[],
	env: Record<string, string> = {},
): Promise<number> {
	const before = performance.now();
	const child = Bun.spawn(command, {
		cwd: home,
		env: { HOME: home, PATH: process.env.PATH ?? "", ...env },
		stdin: "ignore",
		stdout: "ignore",
		stderr: "ignore",
	});
	const code = await child.exited;
	if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}`);
	return performance.now() - before;
}
