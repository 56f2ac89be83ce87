// A session of a million messages: what its end costs to read, and its middle to find.

import { join } from "node:path";
import { platform } from "../../src/core/platform.ts";
import { openConnection } from "../../src/database/database.ts";
import { Patience } from "../../src/database/patience.ts";
import { SESSIONS } from "../../src/storage/migrations.ts";
import { openSqlite } from "../../src/storage/sqlite.ts";
import { memoryOf } from "./proc.ts";
import { type Built, client, makeHome, startAeon } from "./processes.ts";
import { mb, type Row, request } from "./row.ts";

const SESSION = "agent:main:ws:long";
const COUNT = 1_000_000;
const READS = 2_000;
const SEARCHES = 200;

export async function longRows(built: Built): Promise<Row[]> {
	const home = makeHome(built, "fake");
	const path = join(home, ".aeon", "sessions.db");
	await fill(path);
	const aeon = await startAeon(built, home);
	const history = request("session.history", {
		sessionKey: SESSION,
		limit: 50,
	});
	const trips = await client({
		mode: "rtt",
		...aeon,
		request: history,
		inFlight: 1,
	});
	const { resident } = memoryOf(aeon.pid);
	await aeon.stop();
	const micros = (value = 0) => `${(value / 1000).toFixed(2)} ms`;
	return [
		[
			`session.history, last 50 of ${COUNT.toLocaleString("en")}`,
			`p50 ${micros(trips.p50)}, p99 ${micros(trips.p99)}`,
		],
		["  resident afterwards", mb(resident)],
		...(await storeRows(path)),
	];
}

/** The same without the protocol, and searching. */
async function storeRows(path: string): Promise<Row[]> {
	const store = await openSqlite(path);
	const reading = await timed(READS, () => store.getHistory(SESSION, 50));
	const find = (n: number) =>
		store.searchMessages({
			text: `What was the number of the ${THINGS[n % THINGS.length]} in row ${n * 37}?`,
			sessionKeys: [SESSION],
			limit: 5,
		});
	let catchingUp = 0;
	const before = performance.now();
	for (let isBehind = true; isBehind; catchingUp++) {
		const found = await store.searchMessages({
			text: LAST_WORD,
			sessionKeys: [SESSION],
			limit: 1,
		});
		isBehind = found.length === 0;
	}
	const indexing = (performance.now() - before) / 1000;
	const searching = await timed(SEARCHES, find);
	await store.close();
	return [
		["  of it the store", reading],
		[
			"the first search, which makes the index",
			`${indexing.toFixed(0)} s in ${catchingUp} searches`,
		],
		[`session_search among ${COUNT.toLocaleString("en")}`, searching],
	];
}

async function timed(
	count: number,
	work: (n: number) => Promise<unknown>,
): Promise<string> {
	const times: number[] = [];
	for (let n = 0; n < count; n++) {
		const before = performance.now();
		await work(n);
		times.push(performance.now() - before);
	}
	times.sort((a, b) => a - b);
	const at = (share: number) =>
		`${(times[Math.floor(times.length * share)] ?? 0).toFixed(2)} ms`;
	return `p50 ${at(0.5)}, p99 ${at(0.99)}`;
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
