// A backup on its way back: unpacked, checked by the parts that know what is in it, and told what it would replace.

import { existsSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { checkPlaces, isStateFile, stateFiles } from "./app_belongings.ts";
import { storeDriver } from "./app_store.ts";
import type { Manifest } from "./backup/manifest.ts";
import { isThere, realPath } from "./backup/place.ts";
import { checkReplacements, type Replacement } from "./backup/replace.ts";
import { unpackBackup } from "./backup/restore.ts";
import { findConfigFile, type Surroundings } from "./core/config.ts";
import { AeonError, describeError } from "./core/errors.ts";
import { isWithin } from "./core/paths.ts";
import { VERSION } from "./core/version.ts";
import { verifyDatabase } from "./database/copy.ts";
import { checkUnused } from "./database/in_use.ts";
import { MEMORY } from "./memory/schema.ts";
import type { Settings } from "./settings/schema.ts";
import { readSettings } from "./settings/settings.ts";
import { storePlace } from "./settings/store_place.ts";

/** What is to be restored, and where. */
export interface RestoreRequest {
	/** The backup. */
	path: string;
	/** The state directory, which must be there. */
	state: string;
	/** A folder in it for what is unpacked; made anew. */
	unpacked: string;
	surroundings: Surroundings;
	configFlag: string | undefined;
}

/** A backup that is whole and can be restored. */
export interface Restorable {
	manifest: Manifest;
	/** What takes a place or empties one; most of them may be empty already. */
	replacements: Replacement[];
	/** The places that hold something now. */
	replaced: string[];
	/** Places outside of the state directory that hold nothing now, and will. */
	added: string[];
	/** The folder that this is moved into. */
	aside: string;
}

/** The smallest configuration, by which the places of a backup without one are told. */
const NO_CONFIG = { agents: { main: { provider: "demo" } } };

/** What its configuration is called, which is read as if it were the person's own. */
const IN_BACKUP = "the aeon.json in the backup";

/**
 * Unpacks a backup and checks all of it; nothing else is changed. Throws `storage_failed` where it is not whole,
 * `config_invalid` where its aeon.json cannot be used here, `conflict` where it is from a newer Aeon or another program has
 * open what it would replace.
 */
export async function prepareRestore(
	request: RestoreRequest,
): Promise<Restorable> {
	const { path, state, unpacked } = request;
	const manifest = await unpackBackup(path, unpacked, VERSION);
	const settings = await readRestored(request, manifest);
	await verifyParts(request, manifest, settings);
	const replacements = planReplacements(request, manifest, settings);
	const aside = freeFolder(join(realPath(state), asideName(Date.now())));
	checkReplacements(replacements, aside);
	checkNobodyUses(replacements);
	const replaced = replacements.map(({ to }) => to).filter(isThere);
	const added = replacements
		.filter(({ from, to }) => from !== undefined && !isThere(to))
		.map(({ to }) => to)
		.filter((to) => !isWithin(to, realPath(state)));
	return { manifest, replacements, replaced, added, aside };
}

/** Throws `conflict` where another program has a database open that would be replaced. */
export function checkNobodyUses(replacements: readonly Replacement[]): void {
	for (const { name, to } of replacements)
		if (name.endsWith(".db")) checkUnused(to);
}

/** Where the configuration of a command lies, or would lie. */
function configPlace({
	surroundings,
	configFlag,
	state,
}: RestoreRequest): string {
	const named = configFlag ?? surroundings.env.AEON_CONFIG;
	if (named) return resolve(surroundings.cwd, named);
	return findConfigFile(surroundings) ?? join(state, "aeon.json");
}

/** The settings of the backup's own aeon.json, as they will be on this machine. */
async function readRestored(
	request: RestoreRequest,
	{ files }: Manifest,
): Promise<Settings> {
	const { path, unpacked, surroundings } = request;
	const hasConfig = files.some(({ kind }) => kind === "config");
	const file = join(unpacked, hasConfig ? "aeon.json" : "no-config.json");
	if (!hasConfig) await writeFile(file, JSON.stringify(NO_CONFIG));
	const place = configPlace(request);
	try {
		const reading = await readSettings({
			...surroundings,
			configFlag: file,
			place,
			needs: "storage",
		});
		checkPlaces(reading);
		return reading.settings;
	} catch (error) {
		const said = describeError(error)
			.replaceAll(file, IN_BACKUP)
			.replace(`${place} cannot be used`, `${IN_BACKUP} cannot be used`);
		throw new AeonError(
			"config_invalid",
			`${path} cannot be restored here: ${said}`,
			{ cause: error, hint: "Nothing was changed." },
		);
	}
}

/** Has each part looked at by whoever knows what is in it. */
async function verifyParts(
	{ path, unpacked }: RestoreRequest,
	{ files, driver }: Manifest,
	settings: Settings,
): Promise<void> {
	const stranger = files.find(
		({ kind, name }) => kind === "state" && !isStateFile(basename(name)),
	);
	if (stranger)
		throw new AeonError(
			"storage_failed",
			`${path} has ${stranger.name} in it, which is no file of Aeon's`,
		);
	const sessions = sessionsOf(unpacked);
	if (sessions !== undefined && driver !== settings.storage.driver)
		throw new AeonError(
			"conflict",
			`${path} has a ${driver} store in it, and by its aeon.json storage.driver is ${settings.storage.driver} here`,
		);
	try {
		if (sessions !== undefined)
			await storeDriver(settings).driver.verify(join(unpacked, sessions));
		if (files.some(({ kind }) => kind === "memory"))
			await verifyDatabase(join(unpacked, "memory.db"), MEMORY);
	} catch (error) {
		if (!(error instanceof AeonError)) throw error;
		const message = error.message.replaceAll(`${unpacked}/`, "");
		throw new AeonError(error.code, `${path}: ${message}`, {
			cause: error,
			hint: "Nothing was changed. Try another backup.",
		});
	}
}

/** Everything that a backup has, and everything that it would have were it there. */
function planReplacements(
	request: RestoreRequest,
	{ files }: Manifest,
	settings: Settings,
): Replacement[] {
	const { path, state, unpacked } = request;
	const replace = (name: string, to: string): Replacement => {
		const from = join(unpacked, name);
		return { name, to: realPath(to), ...(existsSync(from) && { from }) };
	};
	const prompts = Object.entries(settings.agents).flatMap(
		([id, { system_prompt_file: prompt }]) =>
			prompt ? [replace(`prompts/${id}`, prompt)] : [],
	);
	const lost = files.find(
		({ kind, name }) =>
			kind === "prompt" && !prompts.some((prompt) => prompt.name === name),
	);
	if (lost)
		throw new AeonError(
			"config_invalid",
			`${path} has ${lost.name} in it, and by its aeon.json there is no place for it here`,
			{
				hint: "Set the variables that system_prompt_file of that agent names.",
			},
		);
	const states = new Set([
		...stateFiles(state),
		...files
			.filter(({ kind }) => kind === "state")
			.map(({ name }) => basename(name)),
	]);
	const { path: store } = storePlace(settings);
	const isFolder = statSync(store, { throwIfNoEntry: false })?.isDirectory();
	const kept = isFolder ? "sessions" : "sessions.db";
	return [
		replace(sessionsOf(unpacked) ?? kept, store),
		replace("memory.db", settings.memory.database),
		// Several agents may have one prompt.
		...new Map(prompts.map((prompt) => [prompt.to, prompt])).values(),
		...[...states].map((name) => replace(`state/${name}`, join(state, name))),
		// Last: with it the rest is in force.
		replace("aeon.json", configPlace(request)),
	];
}

/** What the unpacked store is called; undefined where there is none. */
function sessionsOf(unpacked: string): string | undefined {
	return ["sessions.db", "sessions"].find((name) =>
		existsSync(join(unpacked, name)),
	);
}

function asideName(time: number): string {
	const moment = new Date(time).toLocaleString("sv-SE");
	return `replaced-${moment.replace(" ", "-").replaceAll(":", "")}`;
}

function freeFolder(path: string, number = 2): string {
	if (!existsSync(path)) return path;
	const other = `${path.replace(/_\d+$/, "")}_${number}`;
	return existsSync(other) ? freeFolder(path, number + 1) : other;
}
