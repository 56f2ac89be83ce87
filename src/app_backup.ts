// Backups as the settings have them: made, told what has come of them, and the daily ones as a last resort.

import { accessSync, constants, existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { backupItems, checkPlaces } from "./app_belongings.ts";
import { openStore, storeDriver } from "./app_store.ts";
import { type MadeBackup, makeBackup } from "./backup/backup.ts";
import { dailyName, isDailyName, listDaily, rank } from "./backup/daily.ts";
import type { BackedUpFile, FileKind, Manifest } from "./backup/manifest.ts";
import { whyUnwritable } from "./backup/place.ts";
import { formatSize } from "./backup/space.ts";
import { removeUnfinished } from "./backup/unfinished.ts";
import { AeonError } from "./core/errors.ts";
import { silent } from "./core/logger.ts";
import { SECRETS_FILE } from "./core/secrets_file.ts";
import { VERSION } from "./core/version.ts";
import type { DatabaseBackup } from "./database/recovery.ts";
import type { Settings } from "./settings/schema.ts";
import type { Reading } from "./settings/settings.ts";
import type { StoreBackup } from "./storage/store.ts";

/** What a backup is made of, and until when. */
export interface BackingUp {
	reading: Reading;
	/** The state directory. */
	state: string;
	/** Milliseconds since 1970. */
	now: number;
	signal: AbortSignal;
}

/** A daily backup must not be what fills the disk that Aeon works on. */
const DAILY_RESERVE = 50_000_000;

/** Makes a backup; gives what is in it as a sentence. Throws as `makeBackup` does, and `config_invalid`. */
export async function backUp(
	path: string,
	{ reading, state, now, signal }: BackingUp,
	options: { isForced?: boolean; reserve?: number } = {},
): Promise<string> {
	checkPlaces(reading);
	const { settings } = reading;
	let counted: string[] = [];
	const made = await makeBackup(path, {
		...options,
		items: backupItems(settings, state),
		version: VERSION,
		driver: settings.storage.driver,
		madeAt: now,
		signal,
		// It is safe already: what cannot be counted is not told.
		inspect: async (copies) => {
			counted = await count(copies, settings).catch(() => []);
		},
	});
	return describeBackup(path, made, counted);
}

/** Makes the backup of today in `backups.directory` and removes those that are too many there. Gives what is in it. */
export async function backUpToday(request: BackingUp): Promise<string> {
	checkPlaces(request.reading);
	const { directory, keep } = request.reading.settings.backups;
	if (keep === 0)
		throw new AeonError("config_invalid", "backups.keep is 0: none is kept");
	await openDailyFolder(directory);
	await removeUnfinished(directory, isDailyName);
	const name = dailyName(request.now);
	const said = await backUp(join(directory, name), request, {
		isForced: true,
		reserve: DAILY_RESERVE,
	});
	for (const old of rank(listDaily(directory), request.now).slice(keep))
		if (old.name !== name) await rm(join(directory, old.name), { force: true });
	return said;
}

/** Makes the folder of the daily backups where it is missing. */
async function openDailyFolder(directory: string): Promise<void> {
	const { R_OK, W_OK, X_OK } = constants;
	try {
		await mkdir(directory, { recursive: true, mode: 0o700 });
		accessSync(directory, R_OK | W_OK | X_OK);
	} catch (error) {
		const { problem, hint } = whyUnwritable(error);
		throw new AeonError(
			"storage_failed",
			`No backup can be put into backups.directory of aeon.json: ${directory} ${problem}`,
			{ cause: error, hint },
		);
	}
}

/** The daily backups of the sessions, the newest first. */
export function storeBackups(settings: Settings): StoreBackup[] {
	const { driver } = settings.storage;
	return dailyBackups(settings, "sessions", (path, made) => {
		if (made.driver !== driver)
			throw new AeonError("conflict", `${path} is of a ${made.driver} store`);
	});
}

/** The daily backups of the facts, the newest first. */
export function factBackups(settings: Settings): DatabaseBackup[] {
	return dailyBackups(settings, "memory");
}

/** What the daily backups have of a kind, the newest first; one that `check` throws at is as good as none. */
function dailyBackups(
	{ backups: { directory } }: Settings,
	kind: FileKind,
	check?: (path: string, made: Manifest) => void,
): DatabaseBackup[] {
	return rank(listDaily(directory), Date.now()).map(({ name, madeAt }) => ({
		madeAt,
		async extract(target) {
			const { extractFrom } = await import("./backup/restore.ts");
			const path = join(directory, name);
			const made = await extractFrom(path, { kind, target, version: VERSION });
			check?.(path, made);
		},
	}));
}

/** The settings of a store whose copy lies elsewhere. */
export function settingsOfCopy(settings: Settings, path: string): Settings {
	const [place = ""] = Object.keys(storeDriver(settings).driver.options.shape);
	return { ...settings, storage: { ...settings.storage, [place]: path } };
}

/** What is in copies of the store and of the facts, which it changes. */
async function count(copies: string, settings: Settings): Promise<string[]> {
	const counted: string[] = [];
	const path = ["sessions.db", "sessions"]
		.map((name) => join(copies, name))
		.find((one) => existsSync(one));
	if (path !== undefined) {
		const store = await openStore(settingsOfCopy(settings, path));
		const sessions = await store.listSessions();
		await store.close();
		const messages = sessions.reduce((sum, one) => sum + one.messageCount, 0);
		counted.push(
			plural(sessions.length, "session"),
			plural(messages, "message"),
		);
	}
	const facts = join(copies, "memory.db");
	if (existsSync(facts)) {
		const { openMemory } = await import("./memory/open.ts");
		const memory = openMemory(facts, { logger: silent });
		counted.push(plural((await memory.state()).facts, "fact"));
		await memory.close();
	}
	return counted;
}

function describeBackup(
	path: string,
	{ manifest, size }: MadeBackup,
	counted: string[],
): string {
	return `Wrote ${path}: ${[...counted, ...describeFiles(manifest.files)].join(", ")}; ${formatSize(size)}. The workspace is not in it.`;
}

/** The small files of a backup, in words. */
export function describeFiles(files: readonly BackedUpFile[]): string[] {
	const has = (name: string) => files.some((file) => file.name === name);
	const secrets = `state/${SECRETS_FILE}`;
	const lists = files.filter(
		({ kind, name }) =>
			kind === "state" && name !== "state/token" && name !== secrets,
	).length;
	const prompts = files.filter(({ kind }) => kind === "prompt").length;
	return [
		...(has("aeon.json") ? ["aeon.json"] : []),
		...(has("state/token") ? ["the token"] : []),
		...(has(secrets) ? ["the secrets"] : []),
		...(lists > 0 ? [plural(lists, "list")] : []),
		...(prompts > 0 ? [plural(prompts, "prompt")] : []),
	];
}

function plural(count: number, what: string): string {
	return `${count} ${what}${count === 1 ? "" : "s"}`;
}
