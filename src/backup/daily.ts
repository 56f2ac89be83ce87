// Which backups are made and kept day by day, told from their names and a clock.

import { readdirSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

const DAY_MS = 24 * 60 * 60_000;

/** A machine without a clock of its own begins in 1970, or when its system was made. */
const EARLIEST = Date.UTC(2025, 0, 1);

/** `aeon-2026-11-23-0415.tar.gz`, by the clock of where Aeon runs. */
const NAME = /^aeon-(\d{4})-(\d{2})-(\d{2})-(\d{2})(\d{2})\.tar\.gz$/;

/** A backup in the folder of the daily ones. */
export interface DailyBackup {
	name: string;
	/** Milliseconds since 1970. */
	madeAt: number;
}

/** What a backup of this time is called. */
export function dailyName(time: number): string {
	const minute = new Date(time).toLocaleString("sv-SE").slice(0, 16);
	return `aeon-${minute.replace(" ", "-").replace(":", "")}.tar.gz`;
}

/** True of the names that `dailyName` gives. */
export function isDailyName(name: string): boolean {
	return NAME.test(name);
}

/** The backups in a folder, by their names alone, the newest first. None where there is no folder. */
export function listDaily(folder: string): DailyBackup[] {
	const status = statSync(folder, { throwIfNoEntry: false });
	if (!status?.isDirectory()) return [];
	return readdirSync(folder)
		.flatMap((name) => {
			const [, ...parts] = NAME.exec(name) ?? [];
			const [year = 0, month = 0, day, hour, minute] = parts.map(Number);
			if (parts.length === 0) return [];
			const time = new Date(year, month - 1, day, hour, minute).getTime();
			return [{ name, madeAt: time }];
		})
		.sort((a, b) => b.madeAt - a.madeAt);
}

/**
 * Since when there would have to be a change for another backup to be made: 0 where any will do; undefined where the newest
 * one is less than a day old, or the clock is wrong. One from more than a day ahead is of a clock that was wrong.
 */
export function dueSince(
	backups: readonly DailyBackup[],
	now: number,
): number | undefined {
	if (now < EARLIEST) return undefined;
	const newest = backups.find(({ madeAt }) => madeAt <= now + DAY_MS);
	if (!newest) return 0;
	return now - newest.madeAt >= DAY_MS ? newest.madeAt : undefined;
}

/** The same from the one that is wanted most to the one that can go first: those of a clock that was wrong come last. */
export function rank(
	backups: readonly DailyBackup[],
	now: number,
): DailyBackup[] {
	const isAhead = ({ madeAt }: DailyBackup) => madeAt > now + DAY_MS;
	return [
		...backups.filter((one) => !isAhead(one)),
		...backups.filter(isAhead),
	];
}

/** True where one of these files, or one in these folders, was changed at that time or later. */
export async function isChanged(
	paths: readonly string[],
	since: number,
): Promise<boolean> {
	for (const path of paths) {
		const status = statSync(path, { throwIfNoEntry: false });
		if (!status) continue;
		if (status.isDirectory()) {
			const inside = (await readdir(path)).map((name) => join(path, name));
			if (await isChanged(inside, since)) return true;
			continue;
		}
		// SQLite makes an empty log when a database is only opened.
		const isEmptyLog = path.endsWith("-wal") && status.size === 0;
		if (!isEmptyLog && status.mtimeMs >= since) return true;
	}
	return false;
}
