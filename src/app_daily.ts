// The backup a day of a server: what it depends on, and the process that makes it.

import { backupItems } from "./app_belongings.ts";
import { backUpDaily, type ScheduleParts } from "./backup/schedule.ts";
import { steadyClock } from "./core/clock.ts";
import type { Surroundings } from "./core/config.ts";
import type { Logger } from "./core/logger.ts";
import { stateDirectory } from "./core/paths.ts";
import { type Child, platform } from "./core/platform.ts";
import { logOf } from "./database/companions.ts";
import type { Reading } from "./settings/settings.ts";

/** A server that is to be backed up. */
export interface DailyWiring {
	/** How it was started. */
	surroundings: Surroundings;
	/** What it runs with now. */
	reading(): Reading;
	logger: Logger;
	/** For tests: the time of day, and how often is looked. */
	pace?: Partial<Pick<ScheduleParts, "clock" | "now" | "pauseMs" | "firstMs">>;
}

/** What any program needs of its environment. */
const COMMON = ["HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ"];

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)/g;

/** Has a backup made each day, until the signal; resolves when nothing is left running. Never throws. */
export function keepDailyBackups(
	{ surroundings, reading, logger, pace }: DailyWiring,
	signal: AbortSignal,
): Promise<void> {
	const state = stateDirectory(surroundings.home);
	return backUpDaily(
		{
			clock: steadyClock,
			now: Date.now,
			logger,
			...pace,
			settings() {
				const { settings } = reading();
				const paths = backupItems(settings, state).map(({ path }) => path);
				const watched = paths.flatMap((path) => [path, logOf(path)]);
				return { ...settings.backups, watched };
			},
			start: () => startBackup(surroundings, reading()),
		},
		signal,
	);
}

function startBackup(
	{ env, home }: Surroundings,
	{ settings: { file }, templates }: Reading,
): Child {
	const self = platform.self();
	// Another process of this user can read a process's environment at its start: no key belongs into this one's.
	const named = templates
		.filter(({ path }) => isPlace(path))
		.flatMap(({ text }) => [...text.matchAll(VARIABLE)])
		.map(([, name = ""]) => name);
	const needed = [...COMMON, ...named].flatMap((name): [string, string][] => {
		const value = env[name];
		return value === undefined ? [] : [[name, value]];
	});
	return platform.spawn(
		[...self.argv, "backup", "--daily", ...(file ? ["--config", file] : [])],
		// Started from source, Bun runs what a bunfig.toml in its folder names, and a command may write one.
		{
			cwd: "/",
			env: { ...Object.fromEntries(needed), HOME: home, ...self.env },
		},
	);
}

/** True of a setting that tells where something lies that is backed up. */
function isPlace([section = "", , name = ""]: string[]): boolean {
	return (
		["storage", "memory", "backups"].includes(section) ||
		name === "system_prompt_file"
	);
}
