import { expect, test } from "bun:test";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
	dailyName,
	dueSince,
	isChanged,
	isDailyName,
	listDaily,
	rank,
} from "../../src/backup/daily.ts";
import { temporaryFolder } from "../support/home.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
const NOW = new Date(2026, 10, 23, 4, 15, 42).getTime();

/** Backups that were made so long ago. */
function made(...ages: number[]) {
	return ages.map((age) => ({
		name: dailyName(NOW - age),
		madeAt: NOW - age,
	}));
}

test("a backup's name tells the minute in which it was begun", () => {
	expect(dailyName(NOW)).toBe("aeon-2026-11-23-0415.tar.gz");
	expect(isDailyName("aeon-2026-11-23-0415.tar.gz")).toBe(true);
	for (const name of [
		"aeon-2026-11-23-0415.tar.gz.tmp",
		"my-aeon-2026-11-23-0415.tar.gz",
		"aeon-2026-11-23.tar.gz",
		"aeon.tar.gz",
	])
		expect(isDailyName(name)).toBe(false);
});

test("the backups of a folder are those with such names, the newest first", () => {
	using folder = temporaryFolder();
	for (const name of [
		"aeon-2026-11-22-0415.tar.gz",
		"aeon-2026-11-23-0415.tar.gz",
		"aeon-2025-12-31-2359.tar.gz",
		"holiday.tar.gz",
	])
		writeFileSync(join(folder.path, name), "");
	expect(listDaily(folder.path)).toEqual([
		{
			name: "aeon-2026-11-23-0415.tar.gz",
			madeAt: new Date(2026, 10, 23, 4, 15).getTime(),
		},
		{
			name: "aeon-2026-11-22-0415.tar.gz",
			madeAt: new Date(2026, 10, 22, 4, 15).getTime(),
		},
		{
			name: "aeon-2025-12-31-2359.tar.gz",
			madeAt: new Date(2025, 11, 31, 23, 59).getTime(),
		},
	]);
	expect(listDaily(join(folder.path, "none"))).toEqual([]);
	writeFileSync(join(folder.path, "file"), "");
	expect(listDaily(join(folder.path, "file"))).toEqual([]);
});

test("a backup is due when there is none, or when the newest one is a day old", () => {
	expect(dueSince([], NOW)).toBe(0);
	expect(dueSince(made(DAY - 1, 9 * DAY), NOW)).toBeUndefined();
	expect(dueSince(made(DAY, 9 * DAY), NOW)).toBe(NOW - DAY);
	expect(dueSince(made(40 * DAY), NOW)).toBe(NOW - 40 * DAY);
});

test("a backup of up to a day ahead is waited for; what lies further ahead is of a clock that was wrong", () => {
	expect(dueSince(made(-DAY, 9 * DAY), NOW)).toBeUndefined();
	expect(dueSince(made(-DAY - 1), NOW)).toBe(0);
	expect(dueSince(made(-400 * DAY, HOUR), NOW)).toBeUndefined();
	expect(dueSince(made(-400 * DAY, 2 * DAY), NOW)).toBe(NOW - 2 * DAY);
});

test("while the clock has not been set there is no backup", () => {
	expect(dueSince([], 0)).toBeUndefined();
	expect(dueSince([], Date.UTC(2024, 11, 31))).toBeUndefined();
	expect(dueSince([], Date.UTC(2025, 0, 2))).toBe(0);
});

test("the newest are wanted most, and those of a wrong clock least", () => {
	const [ahead, today, before, old] = made(-9 * DAY, 0, DAY, 2 * DAY);
	const all = [ahead, today, before, old].filter((one) => one !== undefined);
	expect<unknown>(rank(all, NOW)).toEqual([today, before, old, ahead]);
});

test("a change is what was written at that time or later, also somewhere in a folder", async () => {
	using folder = temporaryFolder();
	const at = (name: string, time: number, text = "x") => {
		const path = join(folder.path, name);
		writeFileSync(path, text);
		utimesSync(path, time / 1000, time / 1000);
		return path;
	};
	mkdirSync(join(folder.path, "sessions"));
	const old = at("aeon.json", NOW - 1000);
	const log = at("sessions.db-wal", NOW + 1000, "");
	const inside = at("sessions/a.jsonl", NOW - 1000);
	const paths = [old, log, join(folder.path, "sessions"), "/nowhere"];
	expect(await isChanged(paths, NOW)).toBe(false);
	at("sessions/a.jsonl", NOW);
	expect(await isChanged(paths, NOW)).toBe(true);
	utimesSync(inside, 1, 1);
	expect(await isChanged(paths, NOW)).toBe(false);
	at("sessions.db-wal", NOW + 1000, "frames");
	expect(await isChanged(paths, NOW)).toBe(true);
});
