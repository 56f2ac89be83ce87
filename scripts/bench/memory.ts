// What a server holds: at rest with every dialog on, after a thousand turns, with a thousand clients.

import { writeFileSync } from "node:fs";
import { SMALL } from "../../src/core/platform_restart.ts";
import { afterTurns, withClients } from "./memory_used.ts";
import { type Bench, type Figure, median, type Subject } from "./rig/figure.ts";
import {
	inOrder,
	memoryFigures,
	ownFiles,
	residentFigure,
} from "./rig/memory_figures.ts";
import { dropCaches, type Memory, memoryOf } from "./rig/proc.ts";
import {
	type FarSides,
	type Listening,
	makeHome,
	startAeon,
	startFarSides,
	startFloor,
} from "./rig/processes.ts";
import { startTalking, talk } from "./rig/talking.ts";

/** It is looked each second of a minute, after so long: in it a long poll of Telegram's comes back twice. */
const REST_MS = 30_000;
const LOOKS = 60;
/** Aeon gives memory back a second after its start. */
const EARLY_MS = 500;
const AFTER_TALK_MS = 10_000;

/** What may be resident at rest, of what is resident of the floor. */
const SHARE = 1.3;

export const memory: Subject = {
	title: "Memory",
	async measure(bench) {
		const runs = ownFiles(bench);
		return [
			...(await atRest(runs)),
			...(await afterTurns(runs)),
			...(await withClients(runs)),
		];
	},
};

async function atRest(runs: readonly Bench[]): Promise<Figure[]> {
	const cold = dropCaches()
		? "the file cache was emptied before the start"
		: "the file cache could not be emptied, so that resident memory varies by megabytes";
	const started = await inOrder(runs, async (bench) => ({
		aeon: await startInDialogs(bench),
		floor: await startWatched(() => startFloor(bench)),
	}));
	const rested = await resting(started);
	const talked = await Promise.all(
		started.map(async ({ aeon }) => {
			await talk(aeon.farSides);
			await Bun.sleep(AFTER_TALK_MS);
			return memoryOf(aeon.server.pid);
		}),
	);
	await stopAll(started);
	for (const { aeon } of started) aeon.farSides.stop();
	dropCaches();
	const alone = await inOrder(runs, async (bench) => ({
		aeon: await startWatched(() => startAeon(bench, makeHome(bench, "fake"))),
		floor: await startWatched(() => startSmallFloor(bench)),
	}));
	const restedAlone = await resting(alone);
	await stopAll(alone);
	const early = {
		aeon: await Promise.all(started.map(({ aeon }) => aeon.early)),
		floor: await Promise.all(started.map(({ floor }) => floor.early)),
	};
	const middle = medians(rested);
	const middleAlone = medians(restedAlone);
	const aim = {
		most: SHARE * median(middle.floor.map(({ resident }) => resident)),
		because: `${SHARE} × the floor's median`,
	};
	return [
		...memoryFigures(
			"idle, median of seconds 30 to 90, every dialog on",
			middle,
			{
				aim,
				note: `looked at each second; ${cold}; each process ran a file of its own. Aeon polls a fake Telegram, is posted to by a fake WhatsApp and serves WebSockets; no message has come yet. Each poll that comes back maps megabytes of the program again, which Aeon unmaps five to ten seconds later: hence the most.`,
			},
		),
		{
			...residentFigure("  at 30 s, right when a poll comes back", {
				aeon: rested.aeon.map(first),
				floor: rested.floor.map(first),
			}),
			aim,
		},
		residentFigure("  the most in that minute", {
			aeon: rested.aeon.map(largest),
			floor: rested.floor.map(largest),
		}),
		residentFigure(
			`  then a message in Telegram and in WhatsApp, ${AFTER_TALK_MS / 1000} s after both were answered`,
			{ aeon: talked },
		),
		residentFigure(`  ${EARLY_MS} ms after it was ready`, early),
		...memoryFigures("idle without a dialog", {
			aeon: middleAlone.aeon,
			floor: middle.floor,
		}),
		{
			...residentFigure("  the floor with its compilers off, as Aeon's are", {
				aeon: middleAlone.floor,
			}),
			note: "this is no figure of Aeon's: the floor, started with the engine's options that Aeon starts itself with. The floor everywhere else has Bun's defaults.",
		},
	];
}

/** What was seen of each process. */
interface Looks {
	aeon: Memory[][];
	floor: Memory[][];
}

/** A server, and what it held soon after it was ready and after a rest. */
interface Watched {
	server: Listening;
	early: Promise<Memory>;
	rested: Promise<Memory[]>;
}

/** An Aeon and a floor of one run. */
interface Pair {
	aeon: Watched;
	floor: Watched;
}

async function startWatched(start: () => Promise<Listening>): Promise<Watched> {
	const server = await start();
	const early = Bun.sleep(EARLY_MS).then(() => memoryOf(server.pid));
	return { server, early, rested: lookAt(server) };
}

async function lookAt({ pid }: Listening): Promise<Memory[]> {
	await Bun.sleep(REST_MS);
	const looks: Memory[] = [];
	for (let look = 0; look < LOOKS; look++) {
		looks.push(memoryOf(pid));
		await Bun.sleep(1000);
	}
	return looks;
}

/** Of each process what it held in the middle of its looks. */
function medians(looks: Looks) {
	const middle = (all: readonly Memory[]): Memory => {
		const of = (part: keyof Memory) => median(all.map((one) => one[part]));
		return {
			resident: of("resident"),
			proportional: of("proportional"),
			anonymous: of("anonymous"),
		};
	};
	return { aeon: looks.aeon.map(middle), floor: looks.floor.map(middle) };
}

function first([look]: readonly Memory[]): Memory {
	if (!look) throw new Error("nobody has looked");
	return look;
}

function largest(looks: readonly Memory[]): Memory {
	return first(looks.toSorted((a, b) => b.resident - a.resident));
}

/** An Aeon that is in Telegram and in WhatsApp. */
async function startInDialogs(
	bench: Bench,
): Promise<Watched & { farSides: FarSides }> {
	const farSides = await startFarSides();
	const watched = await startWatched(() => startTalking(bench, farSides));
	return { ...watched, farSides };
}

/** The floor with the options of the engine that Aeon starts itself with. */
function startSmallFloor(bench: Bench): Promise<Listening> {
	const options = Object.entries(SMALL).map(
		([name, value]) => `${name}=${value}`,
	);
	const floor = `${bench.floor}-small`;
	writeFileSync(
		floor,
		`#!/bin/sh\nexec env ${options.join(" ")} '${bench.floor}'\n`,
		{ mode: 0o700 },
	);
	return startFloor({ ...bench, floor });
}

async function resting(started: readonly Pair[]): Promise<Looks> {
	return {
		aeon: await Promise.all(started.map(({ aeon }) => aeon.rested)),
		floor: await Promise.all(started.map(({ floor }) => floor.rested)),
	};
}

async function stopAll(started: readonly Pair[]): Promise<void> {
	await Promise.all(
		started.flatMap(({ aeon, floor }) => [
			aeon.server.stop(),
			floor.server.stop(),
		]),
	);
}
