// How much a server does at once: turns, requests, and frames to many clients.

import {
	type Bench,
	type Figure,
	inTurns,
	RUNS,
	type Subject,
} from "./rig/figure.ts";
import { memoryOf } from "./rig/proc.ts";
import {
	client,
	type Listening,
	makeHome,
	startAeon,
	startFloor,
} from "./rig/processes.ts";

const SESSIONS = Array.from({ length: 50 }, (_, n) => `agent:main:ws:s${n}`);
const TURNS = 1000;
/** All of an answer in one write, with its head. */
const INSTANT = "deltas=5 size=40 head=0";

const CLIENTS = 100;
const DELTAS = 100;
const STREAMING = SESSIONS.slice(0, 10);
/** Faster than it can be passed on to so many. */
const FAST = `deltas=${DELTAS} every=1 size=100 head=0`;

const PING = JSON.stringify({ id: 1, method: "ping", params: {} });
const LONG = "agent:main:ws:long";
const HISTORY = JSON.stringify({
	id: 1,
	method: "session.history",
	params: { sessionKey: LONG, limit: 50 },
});

export const throughput: Subject = {
	title: "Throughput",
	async measure(bench) {
		const aeon = await startAeon(bench, makeHome(bench, "fake"));
		const floor = await startFloor(bench);
		const figures = [
			...(await turnsOf(bench, aeon, floor)),
			...(await requestsOf(aeon, floor)),
			...(await framesOf(aeon, floor)),
		];
		await aeon.stop();
		await floor.stop();
		return figures;
	},
};

async function turnsOf(
	bench: Bench,
	aeon: Listening,
	floor: Listening,
): Promise<Figure[]> {
	let run = 0;
	const throng = async (server: Listening, request?: string) => {
		run++;
		const { perSecond = 0 } = await client({
			mode: "throng",
			...server,
			count: TURNS,
			// New ones each time: a long conversation is another quantity.
			sessions: SESSIONS.map((session) => `${session}-${run}`),
			message: INSTANT,
			...(request && { request }),
		});
		return { perSecond, ...memoryOf(server.pid) };
	};
	const found = await inTurns(
		() => throng(aeon),
		() => throng(floor, `stream ${INSTANT}`),
	);
	const compiling = await startAeon(bench, makeHome(bench, "fake"), {
		BUN_JSC_useBaselineJIT: "1",
	});
	const compiled: Awaited<ReturnType<typeof throng>>[] = [];
	while (compiled.length < RUNS) compiled.push(await throng(compiling));
	await compiling.stop();
	return [
		{
			what: `turns, ${SESSIONS.length} sessions at once`,
			unit: "a second",
			values: found.aeon.map(({ perSecond }) => perSecond),
			floor: found.floor.map(({ perSecond }) => perSecond),
			aim: { least: 900 },
			note: `the model answers at once; model, client and server share the processors. A session has ${TURNS / SESSIONS.length} turns. A message of Aeon's is on the disk before it is acknowledged, and an answer kept before it ends; the floor keeps nothing. What is missing to the aim is the engine's compilers, which are off: see the next rows for what they give and take.`,
		},
		{
			what: "  resident then, at once",
			unit: "MB",
			values: found.aeon.map(({ resident }) => resident),
			floor: found.floor.map(({ resident }) => resident),
		},
		{
			what: "  with the engine's compilers on",
			unit: "a second",
			values: compiled.map(({ perSecond }) => perSecond),
			note: "by BUN_JSC_useBaselineJIT=1 in the environment. It is not the default, for what it holds then and keeps.",
		},
		{
			what: "  resident then, at once",
			unit: "MB",
			values: compiled.map(({ resident }) => resident),
		},
	];
}

async function requestsOf(
	aeon: Listening,
	floor: Listening,
): Promise<Figure[]> {
	const figures: Figure[] = [];
	await client({ mode: "turns", ...aeon, count: 30, sessions: [LONG] });
	for (const [name, request] of [
		["ping", PING],
		["session.history of 50", HISTORY],
	])
		for (const inFlight of [1, 16]) {
			const trips = (server: Listening) =>
				client({ mode: "rtt", ...server, request, inFlight, seconds: 2 });
			const found = await inTurns(
				() => trips(aeon),
				async () => (name === "ping" ? trips(floor) : {}),
			);
			const of = (all: Record<string, number>[], field: string) =>
				all.map((one) => one[field] ?? 0);
			const floorOf = (field: string) =>
				name === "ping" ? { floor: of(found.floor, field) } : {};
			figures.push({
				what: `${name}, ${inFlight} in flight`,
				unit: "a second",
				values: of(found.aeon, "perSecond"),
				...floorOf("perSecond"),
				...(figures.length === 0 && {
					note: "each run is two seconds, after one that does not count.",
				}),
			});
			if (inFlight > 1) continue;
			for (const field of ["p50", "p99"])
				figures.push({
					what: `  ${field}`,
					unit: "µs",
					values: of(found.aeon, field),
					...floorOf(field),
				});
		}
	return figures;
}

async function framesOf(aeon: Listening, floor: Listening): Promise<Figure[]> {
	const fanOut = (server: Listening, request?: string) =>
		client({
			mode: "fan-out",
			...server,
			count: CLIENTS,
			sessions: STREAMING,
			message: FAST,
			...(request && { request }),
		});
	const found = await inTurns(
		() => fanOut(aeon),
		() => fanOut(floor, `publish ${FAST}`),
	);
	const gaps = found.aeon.reduce((sum, { gaps = 0 }) => sum + gaps, 0);
	if (gaps > 0) throw new Error(`${gaps} frames out of order or lost`);
	return [
		{
			what: `frames to ${CLIENTS} clients`,
			unit: "a second",
			values: found.aeon.map(({ perSecond = 0 }) => perSecond),
			floor: found.floor.map(({ perSecond = 0 }) => perSecond),
			note: `${STREAMING.length} sessions stream ${DELTAS} deltas each, a millisecond apart, one process reads them all; none is out of order or lost. The floor publishes to a topic.`,
		},
	];
}
