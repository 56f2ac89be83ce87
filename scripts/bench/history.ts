// A session of a million messages: what its end costs to read, and its middle to find.

import { join } from "node:path";
import { platform } from "../../src/core/platform.ts";
import { openConnection } from "../../src/database/database.ts";
import { Patience } from "../../src/database/patience.ts";
import { SESSIONS } from "../../src/storage/migrations.ts";
import { openSqlite } from "../../src/storage/sqlite.ts";
import { asBinary } from "./rig/as_binary.ts";
import { type Figure, percentile, RUNS, type Subject } from "./rig/figure.ts";
import { memoryOf } from "./rig/proc.ts";
import { client, makeHome, startAeon } from "./rig/processes.ts";

const SESSION = "agent:main:ws:long";
const COUNT = 1_000_000;
const MANY = COUNT.toLocaleString("en");
const SEARCHES = 50;

export const history: Subject = {
	title: "A long history",
	async measure(bench) {
		const home = makeHome(bench, "fake");
		const path = join(home, ".aeon", "sessions.db");
		await fill(path);
		const aeon = await startAeon(bench, home);
		const request = JSON.stringify({
			id: 1,
			method: "session.history",
			params: { sessionKey: SESSION, limit: 50 },
		});
		const trips: Record<string, number>[] = [];
		const resident: number[] = [];
		for (let run = 0; run < RUNS; run++) {
			trips.push(await client({ mode: "rtt", ...aeon, request, seconds: 2 }));
			resident.push(memoryOf(aeon.pid).resident);
		}
		await aeon.stop();
		const took = (name: string) =>
			trips.map((trip) => (trip[name] ?? Number.NaN) / 1000);
		return [
			{
				what: `session.history, last 50 of ${MANY}, p50`,
				unit: "ms",
				values: took("p50"),
				note: "the same messages again and again, so that they come from memory.",
			},
			{ what: "  p99", unit: "ms", values: took("p99") },
			{ what: "  resident afterwards", unit: "MB", values: resident },
			...searchFigures(await asBinary<Searched>(import.meta.path, path)),
		];
	},
};

/** What searching took: the index once, in seconds, then each search of each run, in milliseconds. */
interface Searched {
	indexSeconds: number;
	runs: number[][];
}

function searchFigures({ indexSeconds, runs }: Searched): Figure[] {
	const at = (share: number) => runs.map((times) => percentile(times, share));
	return [
		{
			what: `searching ${MANY} messages, p50`,
			unit: "ms",
			values: at(0.5),
			note: `as session_search does, ${SEARCHES} questions a run. The index of words is made by the first searches: some ${indexSeconds.toFixed(0)} s in all, a little each time (measured once).`,
		},
		{ what: "  p95", unit: "ms", values: at(0.95) },
	];
}

async function search(path: string): Promise<Searched> {
	const store = await openSqlite(path);
	const find = (text: string) =>
		store.searchMessages({ text, sessionKeys: [SESSION], limit: 5 });
	const before = performance.now();
	while ((await find(LAST_WORD)).length === 0);
	const indexSeconds = (performance.now() - before) / 1000;
	const runs: number[][] = [];
	for (let run = 0; run < RUNS; run++) {
		const times: number[] = [];
		for (let n = run * SEARCHES; n < (run + 1) * SEARCHES; n++) {
			const start = performance.now();
			const found = await find(
				`What was the number of the ${THINGS[n % THINGS.length]} in row ${n * 37}?`,
			);
			if (found.length === 0) throw new Error(`row ${n * 37} was not found`);
			times.push(performance.now() - start);
		}
		runs.push(times);
	}
	await store.close();
	return { indexSeconds, runs };
}

const THINGS = (
	"garden bicycle kettle letter window ladder violin carpet engine lantern mirror basket hammer saddle " +
	"blanket compass drawer helmet jacket kitchen magnet needle orchard pencil quilt ribbon shovel teapot umbrella whistle"
).split(" ");

const LAST_WORD = "zyzzyva";

/** Messages as people and models write them, each with words of its own. */
async function fill(path: string): Promise<void> {
	const connection = await openConnection(path, SESSIONS, new Patience());
	await connection.close();
	const database = platform.openDatabase(path);
	database.exec(
		`INSERT INTO sessions VALUES ('${SESSION}', 'main', 1, ${COUNT})`,
	);
	const add = database.prepare(
		"INSERT INTO messages (session_key, role, content, timestamp) VALUES ($key, $role, $content, $timestamp)",
	);
	for (let from = 0; from < COUNT; from += 10_000)
		database.transaction(() => {
			for (let n = from; n < from + 10_000; n++)
				add.run({
					key: SESSION,
					role: n % 2 === 0 ? "user" : "assistant",
					content: sentence(n),
					timestamp: n + 1,
				});
		});
	database.close();
}

function sentence(n: number): string {
	const thing = (k: number) => THINGS[(n * k + (n >> 5)) % THINGS.length];
	const end = n === COUNT - 1 ? ` ${LAST_WORD}` : "";
	return `In row ${n} there is a ${thing(7)} behind the ${thing(11)}, its number is ${(n * 7919) % 100_003}, and the ${thing(13)} belongs to it since the year ${1900 + (n % 120)}.${end}`;
}

if (import.meta.main)
	console.log(JSON.stringify(await search(process.argv[2] ?? "")));
