import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { dailyName } from "../../src/backup/daily.ts";
import { backUpDaily, type ScheduleParts } from "../../src/backup/schedule.ts";
import { createLogger } from "../../src/core/logger.ts";
import { platform } from "../../src/core/platform.ts";
import { type FakeClock, fakeClock } from "../support/fake_clock.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";
import { until } from "../support/until.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = new Date(2026, 10, 23, 4, 0).getTime();

let folder: TemporaryFolder;
let clock: FakeClock;
let running = 0;
/** When a process was started, in minutes since the start. */
let started: number[];
let stopping: AbortController;
let ended: Promise<void> | undefined;

beforeEach(() => {
	folder = temporaryFolder();
	mkdirSync(directory());
	writeFileSync(watched(), "x");
	clock = fakeClock(START, () => running === 0);
	running = 0;
	started = [];
	stopping = new AbortController();
});
afterEach(async () => {
	stopping.abort();
	await ended;
	folder[Symbol.dispose]();
});

const directory = () => join(folder.path, "backups");
const watched = () => join(folder.path, "sessions.db");
const log = () => join(folder.path, "log");

/** Something is written, now. */
function change() {
	utimesSync(watched(), clock.now() / 1000, clock.now() / 1000);
}

/** Begins, with processes that run this shell script; `NAME` is the path of the backup to be made. */
function begin(script: string, parts: Partial<ScheduleParts> = {}) {
	ended = backUpDaily(
		{
			clock,
			now: clock.now,
			logger: createLogger({ path: log(), level: "info", secrets: [] }),
			settings: () => ({
				directory: directory(),
				keep: 7,
				watched: [watched()],
			}),
			start() {
				started.push((clock.now() - START) / MINUTE);
				running++;
				const child = platform.spawn(["/bin/sh", "-c", script], {
					cwd: "/",
					env: {
						PATH: process.env.PATH ?? "",
						NAME: join(directory(), dailyName(clock.now())),
					},
				});
				void child.exited.then(() => running--);
				return child;
			},
			...parts,
		},
		stopping.signal,
	);
}

function logged() {
	if (!existsSync(log())) return [];
	return readFileSync(log(), "utf8")
		.trim()
		.split("\n")
		.map((line) => {
			const { level, event, said, problem } = JSON.parse(line);
			return [level, event, said ?? problem];
		});
}

const GOOD = 'touch "$NAME"; echo "Wrote $NAME"';

test("the first backup is made ten minutes after the start, and then one each day that something has changed in", async () => {
	change();
	begin(GOOD);
	await clock.advance(10 * MINUTE - 1);
	expect(started).toEqual([]);
	await clock.advance(1);
	expect(started).toEqual([10]);
	await clock.advance(3 * DAY);
	expect(started).toEqual([10]);
	change();
	await clock.advance(2 * HOUR);
	expect(started).toEqual([10, 3 * 24 * 60 + 10 + 60]);
	change();
	await clock.advance(DAY - 2 * HOUR);
	expect(started).toHaveLength(2);
	await clock.advance(2 * HOUR);
	expect(started).toHaveLength(3);
	expect(logged()[0]).toEqual([
		"info",
		"backup.made",
		`Wrote ${join(directory(), "aeon-2026-11-23-0410.tar.gz")}`,
	]);
});

test("no backup is made where none are kept, and from then on where some are", async () => {
	let keep = 0;
	begin(GOOD, {
		settings: () => ({ directory: directory(), keep, watched: [] }),
	});
	await clock.advance(2 * DAY);
	expect(started).toEqual([]);
	keep = 7;
	await clock.advance(HOUR);
	expect(started).toHaveLength(1);
});

test("a failure is told with what the process said, tried again each hour, and told as an error once after a day", async () => {
	change();
	begin('echo "aeon: There is not enough room in /media" >&2; exit 1');
	await clock.advance(10 * MINUTE + 26 * HOUR);
	expect(started).toHaveLength(27);
	const problem = "There is not enough room in /media";
	expect(logged().filter(([level]) => level === "error")).toEqual([
		["error", "backup.missing", problem],
	]);
	expect(logged()[0]).toEqual(["warn", "backup.failed", problem]);
	const at = logged().findIndex(([level]) => level === "error");
	await clock.advance(3 * DAY);
	expect(logged().findLastIndex(([level]) => level === "error")).toBe(at);
});

test("a process that says nothing and one that cannot be started are failures, too", async () => {
	change();
	begin("exit 3");
	await clock.advance(10 * MINUTE);
	expect(logged()).toEqual([["warn", "backup.failed", "it ended with 3"]]);
	stopping.abort();
	await ended;
	stopping = new AbortController();
	begin("", {
		start: () => platform.spawn(["/nowhere/aeon"], { cwd: "/", env: {} }),
	});
	await clock.advance(10 * MINUTE);
	expect(logged()[1]?.slice(0, 2)).toEqual(["warn", "backup.failed"]);
});

/** A process that has begun a backup, says so, and goes on and on, with a child of its own. */
const HANGING =
	'mkdir "$NAME.01234567-89ab-cdef-0123-456789abcdef.tmp"; echo begun > "$NAME.begun"; sleep 1000 & sleep 1000';

async function hasBegun() {
	while (!readdirSync(directory()).some((name) => name.endsWith(".begun")))
		await Bun.sleep(5);
}

test("a backup that takes half an hour is ended, with all that it has started and left", async () => {
	change();
	clock = fakeClock(START);
	begin(HANGING);
	await clock.advance(10 * MINUTE);
	await hasBegun();
	await clock.advance(30 * MINUTE);
	await until(() => running === 0 && logged().length > 0);
	expect(logged()).toEqual([
		[
			"warn",
			"backup.failed",
			"the backup took longer than 30 minutes and was stopped",
		],
	]);
	expect(readdirSync(directory())).toEqual([
		"aeon-2026-11-23-0410.tar.gz.begun",
	]);
});

test("the end of the server ends a backup at once, and leaves nothing of it", async () => {
	change();
	clock = fakeClock(START);
	begin(HANGING);
	await clock.advance(10 * MINUTE);
	await hasBegun();
	const before = performance.now();
	stopping.abort();
	await ended;
	expect(performance.now() - before).toBeLessThan(1_000);
	expect(running).toBe(0);
	expect(readdirSync(directory())).toEqual([
		"aeon-2026-11-23-0410.tar.gz.begun",
	]);
	expect(logged()).toEqual([]);
});

test("what a process says without end is not kept", async () => {
	change();
	begin(
		'i=0; while [ $i -lt 20000 ]; do echo "a line that nobody reads $i"; i=$((i+1)); done; echo done',
	);
	await clock.advance(10 * MINUTE);
	const [[, , said] = []] = logged();
	expect(said.length).toBeLessThanOrEqual(1_000);
	expect(said).toEndWith("done");
});
