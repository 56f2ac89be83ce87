// What a server holds: at rest with every dialog on, after a thousand turns, with a thousand clients.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterTurns, withClients } from "./memory_used.ts";
import {
	type Bench,
	type Figure,
	median,
	RUNS,
	type Subject,
} from "./rig/figure.ts";
import {
	inOrder,
	memoryFigures,
	residentFigure,
} from "./rig/memory_figures.ts";
import { dropCaches, type Memory, memoryOf } from "./rig/proc.ts";
import {
	answersAt,
	type FarSides,
	type Listening,
	makeHome,
	startAeon,
	startFarSides,
	startFloor,
} from "./rig/processes.ts";

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
		const runs = Array.from({ length: RUNS }, (_, n) => ownFiles(bench, n));
		return [
			...(await atRest(runs)),
			...(await afterTurns(runs)),
			...(await withClients(runs)),
		];
	},
};

/** Binaries of its own for each run: what several processes have of one file would be divided among them. */
function ownFiles(bench: Bench, n: number): Bench {
	const aeon = join(bench.folder, `aeon-${n}`);
	const floor = join(bench.folder, `floor-${n}`);
	copyFileSync(bench.aeon, aeon);
	copyFileSync(bench.floor, floor);
	return { ...bench, aeon, floor };
}

async function atRest(runs: readonly Bench[]): Promise<Figure[]> {
	const cold = dropCaches()
		? "the file cache was emptied before the start"
		: "the file cache could not be emptied, so that resident memory varies by megabytes";
	const started = await inOrder(runs, async (bench) => ({
		aeon: await startTalking(bench),
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
	}));
	const restedAlone = await resting(alone);
	await stopAll(alone);
	const early = {
		aeon: await Promise.all(started.map(({ aeon }) => aeon.early)),
		floor: await Promise.all(started.map(({ floor }) => floor.early)),
	};
	const bound =
		SHARE * median(medians(rested).floor.map(({ resident }) => resident));
	return [
		...memoryFigures("idle after 30 s, every dialog on", medians(rested), {
			aim: { most: bound, because: `${SHARE} × the floor's median` },
			note: `the median of a minute, looked at each second; ${cold}; each process ran a file of its own. Aeon polls a fake Telegram, is posted to by a fake WhatsApp and serves WebSockets; no message has come yet. Each poll that comes back maps some 7 MB of the program again, which Aeon unmaps five to ten seconds later: hence the most.`,
		}),
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
			aeon: medians(restedAlone).aeon,
		}),
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

function largest(looks: readonly Memory[]): Memory {
	const [most] = looks.toSorted((a, b) => b.resident - a.resident);
	if (!most) throw new Error("nobody has looked");
	return most;
}

/** An Aeon that is in Telegram and in WhatsApp. */
async function startTalking(
	bench: Bench,
): Promise<Watched & { farSides: FarSides }> {
	const farSides = await startFarSides();
	const { dialogs } = farSides;
	const home = makeHome(bench, "fake", { dialogs });
	const watched = await startWatched(async () => {
		const server = await startAeon(bench, home);
		const address = server.url.replace("ws:", "http:");
		await comes(farSides, "telegram", "getUpdates");
		await answersAt(`${address}/ready`);
		const url = `${address}/webhooks/whatsapp`;
		await farSides.ask("POST", "/whatsapp/subscribe", { url });
		return server;
	});
	return { ...watched, farSides };
}

/** Somebody writes in each dialog, and is answered. */
async function talk(farSides: FarSides): Promise<void> {
	for (const dialog of ["telegram", "whatsapp"] as const)
		await farSides.ask("DELETE", `/${dialog}/calls`);
	const text = "deltas=5 head=0";
	await farSides.ask("POST", "/telegram", { chatId: 777, text });
	await farSides.ask("POST", "/whatsapp", { from: "+15550100001", text });
	await comes(farSides, "telegram", "sendMessage");
	await comes(farSides, "whatsapp", "messages");
	const broken = await farSides.ask<string[]>("GET", "/violations");
	if (broken.length > 0) throw new Error(broken.join("; "));
}

/** Waits until a far side has been called so. */
async function comes(
	farSides: FarSides,
	dialog: "telegram" | "whatsapp",
	method: string,
): Promise<void> {
	for (;;) {
		const calls = await farSides.ask<{ method: string }[]>(
			"GET",
			`/${dialog}/calls`,
		);
		if (calls.some((call) => call.method === method)) return;
		await Bun.sleep(50);
	}
}

async function resting(
	started: readonly { aeon: Watched; floor?: Watched }[],
): Promise<Looks> {
	return {
		aeon: await Promise.all(started.map(({ aeon }) => aeon.rested)),
		floor: await Promise.all(
			started.flatMap(({ floor }) => (floor ? [floor.rested] : [])),
		),
	};
}

async function stopAll(
	started: readonly { aeon: Watched; floor?: Watched }[],
): Promise<void> {
	await Promise.all(
		started.flatMap(({ aeon, floor }) => [
			aeon.server.stop(),
			floor?.server.stop(),
		]),
	);
}
