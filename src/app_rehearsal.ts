// A new version serves copies of the databases for a moment: whether it takes the configuration and can migrate them.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { settingsOfCopy } from "./app_backup.ts";
import { copyDatabases } from "./app_before.ts";
import { Serving } from "./app_serve.ts";
import type { Surroundings } from "./core/config.ts";
import { AeonError } from "./core/errors.ts";
import { asRecord } from "./core/json.ts";
import { writeJsonFile } from "./core/json_file.ts";
import { stateDirectory } from "./core/paths.ts";
import { findServer } from "./core/presence.ts";
import { openStateDirectory } from "./core/state.ts";
import { VERSION } from "./core/version.ts";
import { type Reading, readSettings } from "./settings/settings.ts";
import { awaitVersion } from "./update/health.ts";

/** What is rehearsed. */
export interface Rehearsed {
	/** The folder of the copies. */
	folder: string;
	surroundings: Surroundings;
	configFlag: string | undefined;
}

/** How long a migration may take on a slow card. */
const ANSWER_MS = 10 * 60_000;

/** For the copies of the rehearsal, and those that a server makes before its trial. */
const TIMES = 2;

/** Makes the copies. Throws `storage_failed`. */
export async function prepareRehearsal({
	folder,
	surroundings,
	configFlag,
}: Rehearsed): Promise<void> {
	const { settings } = await readSettings({
		...surroundings,
		configFlag,
		needs: "storage",
	});
	const state = stateDirectory(surroundings.home);
	await copyDatabases(settings, state, folder, TIMES);
}

/**
 * Serves them, by the same configuration but for its places, its port and its dialogs, and asks the server how it is. No
 * turn begins and nothing is sent. Throws what keeps this version from running.
 */
export async function rehearse({
	folder,
	surroundings,
	configFlag,
}: Rehearsed): Promise<void> {
	const request = { ...surroundings, configFlag, needs: "everything" as const };
	const reading = await readSettings(request);
	const file = join(folder, "aeon.json");
	await writeJsonFile(file, sections(reading, folder));
	const state = join(folder, "state");
	openStateDirectory(state);
	const { file: place } = reading.settings;
	const serving = await Serving.start({
		settings: { ...request, configFlag: file, ...(place && { place }) },
		logLevel: "error",
		say: () => {},
		state,
		trial: { passed: () => new Promise(() => {}) },
	});
	try {
		const answer = awaitVersion({
			locate: () => findServer(state),
			version: VERSION,
			timeoutMs: ANSWER_MS,
		});
		const { notices } = await Promise.race([answer, serving.failed]);
		if (notices.length > 0)
			throw new AeonError("storage_failed", notices.join(" "));
	} finally {
		await serving.stop(AbortSignal.abort());
	}
}

/** The configuration of a rehearsal, as it would stand in a file. */
function sections({ raw, settings }: Reading, folder: string): object {
	const given = asRecord(raw) ?? {};
	const { embeddings: _, ...memory } = asRecord(given.memory) ?? {};
	const path = (name: string) => join(folder, name);
	const names = readdirSync(folder);
	const store = names.includes("sessions") ? "sessions" : "sessions.db";
	mkdirSync(path("workspace"), { recursive: true });
	return {
		...given,
		log_file_path: path("aeon.log"),
		server: { ...asRecord(given.server), host: "127.0.0.1", port: 0 },
		dialogs: {},
		storage: settingsOfCopy(settings, path(store)).storage,
		memory: { ...memory, database: path("memory.db") },
		backups: { directory: path("backups") },
		tools: { ...asRecord(given.tools), workspace: path("workspace") },
	};
}
