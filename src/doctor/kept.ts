// What is kept: sessions, facts, backups. Looked through without leaving anything behind, and while a server writes.

import {
	accessSync,
	constants,
	existsSync,
	mkdtempSync,
	rmSync,
	statSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AeonError, describeError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import { COMPANIONS, logOf } from "../database/companions.ts";
import { check as checkTables } from "../database/database.ts";
import { guarded } from "../database/failure.ts";
import { checkVersion, type Schema } from "../database/migrate.ts";
import { storePlace } from "../settings/store_place.ts";
import * as stores from "../storage/registry.ts";
import type { StoreDriver } from "../storage/store.ts";
import { type Check, type Found, ok, problem, warning } from "./check.ts";
import type { Patient } from "./patient.ts";

const MB = 1_000_000;
const DAY_MS = 24 * 60 * 60_000;

/** An SD card reads some 20 MB a second: of a larger database only its version is read. */
const MAX_CHECKED_SIZE = 16 * MB;

/** Whoever has a database open holds its locks for a moment only. */
const PRAGMAS = [
	"busy_timeout = 500",
	"query_only = ON",
	"cache_size = -2000",
	"mmap_size = 0",
];

/** Aeon makes one a day where something has changed. */
const OLD_BACKUP_MS = 8 * DAY_MS;

/** The store of the sessions. */
export const sessions: Check = {
	name: "sessions",
	readsState: true,
	limitMs: 20_000,
	async look(patient) {
		const { settings } = await patient.configured();
		const { driver, path } = storePlace(settings);
		if (driver === "sqlite")
			return lookInto(patient, path, patient.parts.schemas.sessions);
		if (!existsSync(path)) return [ok("there are none yet")];
		const drivers: Record<string, StoreDriver> = stores;
		return judge(patient, path, async () => {
			await drivers[driver]?.verify(path);
			return "whole";
		});
	},
};

/** The database of what is remembered. */
export const facts: Check = {
	name: "facts",
	readsState: true,
	limitMs: 20_000,
	async look(patient) {
		const { settings } = await patient.configured();
		return lookInto(
			patient,
			settings.memory.database,
			patient.parts.schemas.facts,
		);
	},
};

/** How old the newest daily backup is. */
export const backups: Check = {
	name: "backups",
	readsState: true,
	async look(patient) {
		const { now, backups: list } = patient.parts;
		const { settings } = await patient.configured();
		const { keep, directory } = settings.backups;
		const name = patient.short(directory);
		if (keep === 0)
			return [
				warning(
					"none are made: backups.keep is 0",
					`${patient.command("backup FILE")} makes one.`,
				),
			];
		const made = list(directory);
		const newest = made.find(({ madeAt }) => madeAt <= now() + DAY_MS);
		const { path } = storePlace(settings);
		if (!newest) {
			const text = `there is none in ${name}`;
			const began = statSync(path, { throwIfNoEntry: false })?.birthtimeMs;
			if (began === undefined || now() - began < 2 * DAY_MS)
				return [ok(`${text} yet: aeon serve makes one a day`)];
			return [warning(text, "aeon serve makes one a day: let it run.")];
		}
		const age = now() - newest.madeAt;
		const days = Math.max(Math.floor(age / DAY_MS), 0);
		const text = `${made.length} in ${name}, the newest ${days === 0 ? "of today" : days === 1 ? "a day old" : `${days} days old`}`;
		const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
		return [
			age > OLD_BACKUP_MS && changed - newest.madeAt > OLD_BACKUP_MS
				? warning(
						text,
						`Look for backup in the log, or make one: ${patient.command("backup FILE")}`,
					)
				: ok(text),
		];
	},
};

/** Looks into a database. */
async function lookInto(
	patient: Patient,
	path: string,
	schema: Schema,
): Promise<Found[]> {
	const status = statSync(path, { throwIfNoEntry: false });
	if (!status) return [ok(`there is no ${patient.short(path)} yet`)];
	if (status.uid !== patient.parts.uid)
		return [
			warning(
				`${patient.short(path)} is somebody else's, so it is not opened`,
				`Run ${patient.command("doctor")} as its owner.`,
			),
		];
	return judge(patient, path, () => {
		accessSync(path, constants.R_OK);
		return verify(patient, path, schema, status.size);
	});
}

/** What work on a file comes to, as a finding. */
async function judge(
	patient: Patient,
	path: string,
	work: () => Promise<string>,
): Promise<Found[]> {
	const name = patient.short(path);
	try {
		const words = await guarded(path, work);
		const status = statSync(path);
		const size = status.isFile() ? `${inUnits(status.size)}, ` : "";
		return [ok(`${name}: ${size}${words}`)];
	} catch (error) {
		const text = describeError(error).replaceAll(path, name);
		return [problem(text, error instanceof AeonError ? error.hint : undefined)];
	}
}

function inUnits(bytes: number): string {
	return bytes < 10 * MB
		? `${Math.ceil(bytes / 1000)} KB`
		: `${Math.round(bytes / MB)} MB`;
}

/**
 * What can be said of a database, of which a large one is not read whole. Beside a server it is opened as the server has it;
 * where a killed one has left a log, opening would change the file, so that a copy is read elsewhere.
 */
async function verify(
	patient: Patient,
	path: string,
	schema: Schema,
	size: number,
): Promise<string> {
	const isWhole = size <= MAX_CHECKED_SIZE;
	const log = logOf(path);
	const isInUse = patient.server() !== undefined;
	const left = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
	if (isInUse || left === 0) return inspect(path, schema, isWhole);
	if (!isWhole || left > MAX_CHECKED_SIZE)
		return "was not closed: the next start looks into it";
	const folder = mkdtempSync(join(tmpdir(), "aeon-doctor-"));
	const tidy = () => rmSync(folder, { recursive: true, force: true });
	// Whoever leaves in the middle must not leave a copy of all sessions behind.
	process.once("exit", tidy);
	try {
		const copy = join(folder, "copy");
		const before = stateOf(path, log);
		await copyFile(path, copy);
		await copyFile(log, `${copy}${COMPANIONS[0]}`);
		if (stateOf(path, log) !== before)
			return "not looked into, since another program writes into it";
		const words = inspect(copy, schema, isWhole);
		return `${words} with the log that a kill or a power cut has left`;
	} finally {
		process.off("exit", tidy);
		tidy();
	}
}

/** The same as long as nobody writes into these files. */
function stateOf(...paths: string[]): string {
	const states = paths.map((path) => {
		const status = statSync(path, { throwIfNoEntry: false });
		return [status?.ino, status?.size, status?.mtimeMs].join();
	});
	return states.join(" ");
}

function inspect(path: string, schema: Schema, isWhole: boolean): string {
	const database = platform.openDatabase(path);
	try {
		for (const pragma of PRAGMAS) database.exec(`PRAGMA ${pragma}`);
		if (isWhole) checkTables(database);
		const version = checkVersion(database, path, schema);
		if (version === 0 && statSync(path).size > 0)
			throw new AeonError("conflict", `${path} is no database of Aeon's`, {
				hint: `Correct ${schema.setting} in aeon.json.`,
			});
		return isWhole ? "whole" : "too large to be read whole here";
	} finally {
		database.close();
	}
}
