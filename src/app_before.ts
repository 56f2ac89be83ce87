// The databases as they were before a new version had them: kept beside them, and put back where it failed.

import {
	existsSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
} from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { backupItems } from "./app_belongings.ts";
import { realPath } from "./backup/place.ts";
import { replaceAll } from "./backup/replace.ts";
import { requireRoom, sizeOf } from "./backup/space.ts";
import { asList, asRecord, asText, parseJson } from "./core/json.ts";
import { writeJsonFile } from "./core/json_file.ts";
import { syncFolder } from "./core/sync.ts";
import type { Settings } from "./settings/schema.ts";
import { updateFolder } from "./update/journal.ts";

/** A database or folder of sessions: its name in a folder of copies, and where it lies. */
interface Place {
	name: string;
	to: string;
	/** There was something. */
	isThere: boolean;
}

const PLACES = "places.json";

/** What stays free on the disk. */
const RESERVE = 20_000_000;

/** Copies every database into a new folder, while others may use them; `times` as much room is asked for first. Gives the names. Throws `storage_failed`. */
export async function copyDatabases(
	settings: Settings,
	state: string,
	folder: string,
	times = 1,
): Promise<Place[]> {
	const items = backupItems(settings, state).filter(
		({ kind }) => kind === "sessions" || kind === "memory",
	);
	const bytes = items.reduce((sum, { path }) => sum + sizeOf(path), 0);
	requireRoom(folder, times * bytes + RESERVE);
	await mkdir(folder, { recursive: true, mode: 0o700 });
	const places: Place[] = [];
	for (const { name, path, copy } of items) {
		const status = statSync(path, { throwIfNoEntry: false });
		const isThere = !!status && (status.isDirectory() || status.size > 0);
		if (isThere) await copy?.(join(folder, name));
		places.push({ name, to: realPath(path), isThere });
	}
	return places;
}

/** Keeps the databases, which nobody has open, unless that is done: they are kept whole or not at all. */
export async function keepBefore(
	settings: Settings,
	state: string,
): Promise<void> {
	const kept = keptFolder(state);
	if (existsSync(kept)) return;
	const making = `${kept}.tmp`;
	rmSync(making, { recursive: true, force: true });
	const places = await copyDatabases(settings, state, making);
	await writeJsonFile(join(making, PLACES), places);
	await syncFolder(making);
	renameSync(making, kept);
	await syncFolder(updateFolder(state));
	await syncFolder(state);
}

/** True where databases are kept of before an update. */
export function hasBefore(state: string): boolean {
	return existsSync(keptFolder(state));
}

/** Puts back what was kept, once; where it is cut off, doing it once more finishes it. */
export async function putBackBefore(state: string): Promise<void> {
	const kept = keptFolder(state);
	if (!existsSync(kept)) return;
	const text = readFileSync(join(kept, PLACES), "utf8");
	const replacements = asList(parseJson(text)).flatMap((place) => {
		const { name, to, isThere } = asRecord(place) ?? {};
		const from = join(kept, asText(name));
		const replacement = { name: asText(name), to: asText(to) };
		if (!isThere) return replacement;
		return existsSync(from) ? { ...replacement, from } : [];
	});
	const aside = join(updateFolder(state), "after");
	for await (const _ of replaceAll(replacements, aside));
	// What is taken in from now on must never be replaced by it, also not after a power cut.
	const done = `${kept}.done`;
	rmSync(done, { recursive: true, force: true });
	renameSync(kept, done);
	await syncFolder(updateFolder(state));
}

function keptFolder(state: string): string {
	return join(updateFolder(state), "before");
}
