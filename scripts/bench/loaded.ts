// How much of Aeon its start loads: what `--check` turns red for when it grows. No times, so that a busy machine is as good.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Aim, type Bench, RUNS, type Subject } from "./rig/figure.ts";
import { memoryOf } from "./rig/proc.ts";
import {
	answersAt,
	type Listening,
	makeHome,
	startAeon,
	startFloor,
} from "./rig/processes.ts";

const LATER_MS = 1_000;
const REST_MS = 5_000;

/** What is loaded may be so much at most. */
const MOST = { kilobytes: 490, anonymous: 11 };

export const loaded: Subject = {
	title: "Loaded at start",
	async measure(bench) {
		const code = await atOnce(() => codeOf(bench));
		const [aeon, floor] = await Promise.all([
			atOnce(() => anonymousOf(startReady(bench))),
			atOnce(() => anonymousOf(startFloor(bench))),
		]);
		const kilobytes = (when: keyof Code) =>
			code.map((run) => run[when].bytes / 1000);
		return [
			{
				what: "code loaded when it is ready",
				unit: "kB",
				values: kilobytes("ready"),
				aim: quarterAbove(MOST.kilobytes),
				note: "Aeon's and its packages', as it lies in the binary; asked of the binary itself, by a preloaded script. What of Bun itself is loaded is in the memory below.",
			},
			{
				what: `  ${LATER_MS / 1000} s later`,
				unit: "kB",
				values: kilobytes("later"),
				aim: quarterAbove(MOST.kilobytes),
			},
			{
				what: "  pieces that it lies in",
				unit: "",
				values: code.map(({ later }) => later.pieces),
			},
			{
				what: "anonymous memory at rest, no dialog on",
				unit: "MB",
				values: aeon,
				floor,
				aim: quarterAbove(MOST.anonymous),
				note: `${REST_MS / 1000} s after it was ready; it does not depend on the file cache. ${RUNS} processes at once.`,
			},
		];
	},
};

function quarterAbove(most: number): Aim {
	return { most, because: "a quarter above what it was when this was set" };
}

function atOnce<Found>(work: () => Promise<Found>): Promise<Found[]> {
	return Promise.all(Array.from({ length: RUNS }, work));
}

async function startReady(
	bench: Bench,
	env: Record<string, string> = {},
): Promise<Listening> {
	const aeon = await startAeon(bench, makeHome(bench, "fake"), env);
	await answersAt(`${aeon.url.replace("ws:", "http:")}/ready`);
	return aeon;
}

async function anonymousOf(starting: Promise<Listening>): Promise<number> {
	const server = await starting;
	await Bun.sleep(REST_MS);
	const { anonymous } = memoryOf(server.pid);
	await server.stop();
	return anonymous;
}

interface Loads {
	pieces: number;
	bytes: number;
}

interface Code {
	ready: Loads;
	later: Loads;
}

async function codeOf(bench: Bench): Promise<Code> {
	const file = join(bench.folder, `loads-${crypto.randomUUID()}`);
	const aeon = await startReady(bench, {
		BUN_OPTIONS: `--preload ${join(import.meta.dir, "rig", "loads.ts")}`,
		BENCH_LOADS: file,
	});
	const ask = async (): Promise<Loads> => {
		process.kill(aeon.pid, "SIGALRM");
		while (!existsSync(file)) {
			// Throws where the signal has ended it, because nothing was preloaded.
			process.kill(aeon.pid, 0);
			await Bun.sleep(10);
		}
		const loads = JSON.parse(readFileSync(file, "utf8"));
		rmSync(file);
		return loads;
	};
	const ready = await ask();
	await Bun.sleep(LATER_MS);
	const later = await ask();
	await aeon.stop();
	return { ready, later };
}
