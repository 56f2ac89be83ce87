// What a server does when it is asked: turns, requests, and how late it passes on what a model says.

import { memoryOf, writtenBy } from "./proc.ts";
import {
	type Built,
	client,
	type Listening,
	makeHome,
	startAeon,
	startFloor,
} from "./processes.ts";
import { mb, type Row, request } from "./row.ts";

const TURNS = 1000;
const LONG = "agent:main:ws:long";

export async function loadRows(built: Built): Promise<Row[]> {
	const aeon = await startAeon(built, makeHome(built, "fake"));
	const written = writtenBy(aeon.pid);
	const sessions = Array.from({ length: 25 }, (_, n) => `agent:main:ws:s${n}`);
	const half = TURNS / 2;
	await client({ mode: "turns", ...aeon, count: half, sessions: [LONG] });
	const { perSecond = 0 } = await client({
		mode: "turns",
		...aeon,
		count: half,
		sessions,
	});
	const after = memoryOf(aeon.pid);
	const now = writtenBy(aeon.pid);
	const perTurn = (before: number, later: number) =>
		`${Math.round((later - before) / TURNS)} bytes`;
	await Bun.sleep(10_000);
	const rested = memoryOf(aeon.pid);
	const rows: Row[] = [
		[
			`resident after ${TURNS} turns`,
			`${mb(after.resident)}, 10 s later ${mb(rested.resident)}`,
			undefined,
			"≤ 44 MB",
		],
		[
			"  of it anonymous",
			`${mb(after.anonymous)}, 10 s later ${mb(rested.anonymous)}`,
		],
		[
			"turns a second, one at a time, model included (it waits 5 ms)",
			perSecond.toFixed(0),
		],
		["written a turn", perTurn(written.bytes, now.bytes)],
		["  to the disk", perTurn(written.toDisk, now.toDisk)],
	];
	const floor = await startFloor(built);
	const ping = request("ping", {});
	const history = request("session.history", { sessionKey: LONG, limit: 50 });
	for (const inFlight of [1, 16]) {
		rows.push(
			await trips(`ping, ${inFlight} in flight`, ping, inFlight, aeon, floor),
		);
	}
	for (const inFlight of [1, 16]) {
		const what = `session.history of 50, ${inFlight} in flight`;
		rows.push(await trips(what, history, inFlight, aeon));
	}
	await floor.stop();
	await aeon.stop();
	return rows;
}

export async function latencyRows(built: Built): Promise<Row[]> {
	const aeon = await startAeon(built, makeHome(built, "fake"));
	const floor = await startFloor(built);
	const found: Record<string, number>[] = [];
	for (const server of [aeon, floor, aeon, floor])
		found.push(
			await client({
				mode: "latency",
				...server,
				count: 200,
				...(server === floor && { request: "stream deltas=3 every=2" }),
			}),
		);
	await aeon.stop();
	await floor.stop();
	const show = (indexes: number[]) =>
		["p50", "p95"]
			.map((name) => {
				const values = indexes.map((index) => found[index]?.[name] ?? 0);
				return `${name} ${(Math.min(...values) / 1000).toFixed(2)} ms`;
			})
			.join(", ");
	return [
		[
			"the model's first token → the client's first delta",
			show([0, 2]),
			show([1, 3]),
			"p50 1.6 ms",
		],
	];
}

/** Measured twice in turns with the floor; the better of each, for others use this machine, too. */
async function trips(
	what: string,
	text: string,
	inFlight: number,
	aeon: Listening,
	floor?: Listening,
): Promise<Row> {
	const best = async (server?: Listening) =>
		server &&
		(await client({ mode: "rtt", ...server, request: text, inFlight }));
	const found = [await best(aeon), await best(floor), await best(aeon)];
	const show = (one?: Record<string, number>) =>
		one &&
		`${one.perSecond?.toFixed(0)}/s, p50 ${one.p50?.toFixed(0)} µs, p99 ${one.p99?.toFixed(0)} µs`;
	const [first, least, second] = found;
	const better =
		(first?.perSecond ?? 0) > (second?.perSecond ?? 0) ? first : second;
	const isAimed = inFlight === 1 && what.startsWith("ping");
	return [
		what,
		show(better) ?? "",
		show(least),
		isAimed ? "15000/s" : undefined,
	];
}
