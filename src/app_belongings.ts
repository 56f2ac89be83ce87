// What belongs into a backup, as the settings and the state directory have it.

import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { storeDriver } from "./app_store.ts";
import type { BackupItem } from "./backup/backup.ts";
import type { FileKind } from "./backup/manifest.ts";
import { AeonError } from "./core/errors.ts";
import { SECRETS_FILE } from "./core/secrets_file.ts";
import { copyDatabase } from "./database/copy.ts";
import * as dialogs from "./dialogs/registry.ts";
import type { Settings } from "./settings/schema.ts";
import type { Reading } from "./settings/settings.ts";
import { storePlace } from "./settings/store_place.ts";

/** Paths of aeon.json without which a backup would be of something else. */
const PLACES = ["memory.database", "backups.directory"];

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

/** The files of a state directory that belong into a backup, by their names; none where there is no such directory. */
export function stateFiles(state: string): string[] {
	if (!existsSync(state)) return [];
	return readdirSync(state).filter(isStateFile).sort();
}

/** True of a file of the state directory that is worth keeping: the others are of a running process, or of no use later. */
export function isStateFile(name: string): boolean {
	const dialog = /^(.+?)(?:-allowed)?\.json$/.exec(name)?.[1] ?? "";
	return (
		["token", "approvals.json", SECRETS_FILE].includes(name) ||
		Object.hasOwn(dialogs, dialog)
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
