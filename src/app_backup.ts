// Backups as the settings have them: what belongs into one, what has come of it, and the daily ones as a store's last resort.

import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { openStore, storeDriver } from "./app_store.ts";
import {
	type BackupItem,
	type MadeBackup,
	makeBackup,
	removeUnfinished,
} from "./backup/backup.ts";
import { dailyName, isDailyName, listDaily, rank } from "./backup/daily.ts";
import type { BackedUpFile, FileKind } from "./backup/manifest.ts";
import { formatSize } from "./backup/space.ts";
import { AeonError } from "./core/errors.ts";
import type { Logger } from "./core/logger.ts";
import { VERSION } from "./core/version.ts";
import { copyDatabase } from "./database/copy.ts";
import * as dialogs from "./dialogs/registry.ts";
import type { Settings } from "./settings/schema.ts";
import type { Reading } from "./settings/settings.ts";
import { storePlace } from "./settings/store_place.ts";
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

/** Paths of aeon.json without which a backup would be of something else. */
const PLACES = ["memory.database", "backups.directory"];

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
	await mkdir(directory, { recursive: true, mode: 0o700 });
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

/** What belongs into a backup. */
export function backupItems(settings: Settings, state: string): BackupItem[] {
	const { file, agents, memory } = settings;
	const { driver, options } = storeDriver(settings);
	const { path } = storePlace(settings);
	const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
	const plain = (kind: FileKind, name: string, path: string): BackupItem => ({
		kind,
		name,
		path,
	});
	return [
		...(file ? [plain("config", "aeon.json", file)] : []),
		...stateFiles(state).map((name) =>
			plain("state", `state/${name}`, join(state, name)),
		),
		...Object.entries(agents).flatMap(([id, { system_prompt_file: prompt }]) =>
			prompt ? [plain("prompt", `prompts/${id}`, prompt)] : [],
		),
		{
			...plain("sessions", isFolder ? "sessions" : "sessions.db", path),
			copy: (target) => driver.copy(options, target),
		},
		{
			...plain("memory", "memory.db", memory.database),
			copy: (target) => copyDatabase(memory.database, target),
		},
	];
}

/** The files of a state directory that belong into a backup, by their names. */
export function stateFiles(state: string): string[] {
	return readdirSync(state).filter(isStateFile).sort();
}

/** True of a file of the state directory that is worth keeping: the others are of a running process, or of no use later. */
export function isStateFile(name: string): boolean {
	const dialog = /^(.+?)(?:-allowed)?\.json$/.exec(name)?.[1] ?? "";
	return (
		["token", "approvals.json"].includes(name) || Object.hasOwn(dialogs, dialog)
	);
}

/** Where the settings have no place for what a backup must have in it. Throws `config_invalid`. */
export function checkPlaces({ settings, templates }: Reading): void {
	const open = templates.find(
		({ isOpen, path }) => isOpen && PLACES.includes(path.join(".")),
	);
	if (!open) return;
	throw new AeonError(
		"config_invalid",
		`${settings.file} cannot be used:\n  ${open.path.join(".")}: \${${open.unset[0]}} is not set in the environment: set ${open.unset[0]}`,
	);
}

/** The daily backups of the sessions, the newest first. */
export function storeBackups({
	backups: { directory },
	storage: { driver },
}: Settings): StoreBackup[] {
	return rank(listDaily(directory), Date.now()).map(({ name, madeAt }) => ({
		madeAt,
		async extract(target) {
			const { extractFrom } = await import("./backup/restore.ts");
			const path = join(directory, name);
			const what = { kind: "sessions", target, version: VERSION } as const;
			const made = await extractFrom(path, what);
			if (made.driver !== driver)
				throw new AeonError("conflict", `${path} is of a ${made.driver} store`);
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

/** What happens to copies that are thrown away is not worth a word. */
const silent: Logger = {
	debug() {},
	info() {},
	warn() {},
	error() {},
	hide() {},
	close() {},
};

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
	const lists = files.filter(
		({ kind, name }) => kind === "state" && name !== "state/token",
	).length;
	const prompts = files.filter(({ kind }) => kind === "prompt").length;
	return [
		...(has("aeon.json") ? ["aeon.json"] : []),
		...(has("state/token") ? ["the token"] : []),
		...(lists > 0 ? [plural(lists, "list")] : []),
		...(prompts > 0 ? [plural(prompts, "prompt")] : []),
	];
}

function plural(count: number, what: string): string {
	return `${count} ${what}${count === 1 ? "" : "s"}`;
}
