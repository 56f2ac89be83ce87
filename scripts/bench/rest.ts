// What a server is at rest: how soon it is there, what it holds, what it does when nothing happens, in how little it fits.

import { dropCaches, median, memoryOf, ticksOf, writtenBy } from "./proc.ts";
import {
	answersAt,
	type Built,
	client,
	makeHome,
	startAeon,
	startFloor,
	staying,
} from "./processes.ts";
import { mb, ms, type Row, request } from "./row.ts";
import { limitMemory } from "./small_machine.ts";

const STARTS = 15;
const SMALL = 64 * 1024 * 1024;

export async function startRows(built: Built): Promise<Row[]> {
	const home = makeHome(built, "fake");
	await (await startAeon(built, home)).stop();
	const health: number[] = [];
	const own: number[] = [];
	const ready: number[] = [];
	const floor: number[] = [];
	for (let n = 0; n < STARTS; n++) {
		const aeon = await startAeon(built, home);
		const before = performance.now();
		await answersAt(`${aeon.url.replace("ws", "http")}/ready`);
		health.push(aeon.healthMs);
		own.push(aeon.ownMs);
		ready.push(aeon.healthMs + performance.now() - before);
		await aeon.stop();
		const least = await startFloor(built);
		floor.push(least.healthMs);
		await least.stop();
	}
	return [
		["spawn → /health", ms(health), ms(floor), "< 30 ms"],
		["  from the process's own start", ms(own)],
		["spawn → /ready", ms(ready)],
	];
}

export async function memoryRows(built: Built): Promise<Row[]> {
	const early: number[] = [];
	const resident: number[] = [];
	const anonymous: number[] = [];
	const floor: number[] = [];
	const floorAnonymous: number[] = [];
	let isCold = true;
	for (let n = 0; n < 3; n++) {
		isCold = dropCaches();
		const aeon = await startAeon(built, makeHome(built, "fake"));
		await answersAt(`${aeon.url.replace("ws", "http")}/ready`);
		await Bun.sleep(500);
		early.push(memoryOf(aeon.pid).resident);
		await Bun.sleep(4500);
		const memory = memoryOf(aeon.pid);
		resident.push(memory.resident);
		anonymous.push(memory.anonymous);
		await aeon.stop();
		const least = await startFloor(built);
		await Bun.sleep(1000);
		floor.push(memoryOf(least.pid).resident);
		floorAnonymous.push(memoryOf(least.pid).anonymous);
		await least.stop();
	}
	const how = isCold ? "" : " (file cache not emptied)";
	return [
		[
			`resident, idle for 5 s${how}`,
			mb(median(resident)),
			mb(median(floor)),
			"≤ 34 MB",
		],
		[
			"  of it anonymous",
			mb(median(anonymous)),
			mb(median(floorAnonymous)),
			"≤ 6 MB",
		],
		["  0.5 s after /ready, before it gives pages back", mb(median(early))],
	];
}

export async function idleRows(
	built: Built,
	idleSeconds: number,
): Promise<Row[]> {
	const aeon = await startAeon(built, makeHome(built, "fake"));
	const one = await staying({ mode: "hold", ...aeon, count: 1 });
	await Bun.sleep(5000);
	const before = writtenBy(aeon.pid);
	const ticks = ticksOf(aeon.pid);
	await Bun.sleep(idleSeconds * 1000);
	const after = writtenBy(aeon.pid);
	const used = ticksOf(aeon.pid) - ticks;
	one.stop();
	await aeon.stop();
	return [
		[
			`written in ${idleSeconds} s with an idle client`,
			`${after.bytes - before.bytes} bytes, to the disk ${after.toDisk - before.toDisk}`,
			undefined,
			"0 bytes",
		],
		[`processor's time in ${idleSeconds} s`, `${used * 10} ms (${used} ticks)`],
	];
}

export async function smallRows(built: Built): Promise<Row[]> {
	const limit = limitMemory(SMALL);
	dropCaches();
	try {
		const aeon = await startAeon(built, makeHome(built, "demo"), limit.wrap);
		const { perSecond = 0 } = await client({
			mode: "rtt",
			...aeon,
			request: request("ping", {}),
			seconds: 1,
		});
		await client({ mode: "turns", ...aeon, count: 20 });
		const peak = limit.peak();
		const { resident } = memoryOf(aeon.pid);
		await aeon.stop();
		const most = peak ? `, with its file cache at most ${mb(peak / 1e6)}` : "";
		return [
			[
				`inside 64 MB (${limit.name})`,
				`${perSecond.toFixed(0)} pings/s, 20 turns, resident ${mb(resident)}${most}`,
			],
		];
	} catch (error) {
		return [[`inside 64 MB (${limit.name})`, `failed: ${error}`]];
	} finally {
		limit.remove();
	}
}
