// What dialogs remember through restarts, each in one small file of the state directory.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { describeError } from "../core/errors.ts";
import { jsonFileWriter } from "../core/json_file.ts";
import type { Logger } from "../core/logger.ts";

/** What every dialog remembers. What resolves does so once it is on the disk, or has been logged not to be: nothing here is worth a failure. */
export interface DialogMemory<Id> {
	/** True where this stranger may be answered now, which is then remembered: once a day each, and a hundred a day in all. */
	mayTell(id: Id): Promise<boolean>;
	/** The model that was chosen with `/model` in this session. */
	modelOf(sessionKey: string): string | undefined;
	chooseModel(sessionKey: string, model: string): Promise<void>;
}

/** Where it lies, and with what. */
export interface MemoryParts {
	/** The state directory. */
	state: string;
	/** Milliseconds since 1970. */
	now(): number;
	logger: Logger;
}

/** A file of the state directory, and what was in it. */
export interface MemoryFile<Kept> {
	kept: Kept;
	/** Writes what is to be remembered then; logs where that fails. */
	save(value: () => Kept): Promise<void>;
}

const DAY_MS = 24 * 60 * 60_000;

/** Strangers that are answered in one day, so that a crowd cannot make Aeon busy, nor this file long. */
const MAX_STRANGERS = 100;

/** Of what grows with use; the oldest are forgotten. */
const MAX_ENTRIES = 1_000;

/** Ids of strangers, and when they were answered. */
export function strangersSchema<Id extends z.ZodMiniType>(id: Id) {
	return z._default(z.array(z.tuple([id, z.number()])), []);
}

/** Session keys, and their models. */
export const modelsSchema = z._default(
	z.array(z.tuple([z.string(), z.string()])),
	[],
);

/** The file `<dialog>.json`. A broken one counts as empty. */
export function openMemoryFile<Shape extends z.ZodMiniType>(
	dialog: string,
	schema: Shape,
	{ state, logger }: MemoryParts,
): MemoryFile<z.infer<Shape>> {
	const path = join(state, `${dialog}.json`);
	const write = jsonFileWriter(path);
	const read = () => {
		try {
			return z.parse(schema, JSON.parse(readFileSync(path, "utf8")));
		} catch (error) {
			const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
			// A parser's message may quote the file, and a secret may be in it.
			if (!isMissing)
				logger.warn(`${dialog}.memory_unreadable`, { file: path });
			return z.parse(schema, {});
		}
	};
	return {
		kept: read(),
		save: (value) =>
			write(value).catch((error: unknown) => {
				logger.warn(`${dialog}.memory_unwritten`, {
					problem: describeError(error),
				});
			}),
	};
}

/** What every dialog remembers, by what was kept of it. */
export function rememberPeople<Id>(
	strangers: Map<Id, number>,
	models: Map<string, string>,
	now: () => number,
	save: () => Promise<void>,
): DialogMemory<Id> {
	return {
		async mayTell(id) {
			const time = now();
			// Also where the clock was set back.
			for (const [one, toldAt] of strangers)
				if (Math.abs(time - toldAt) >= DAY_MS) strangers.delete(one);
			if (strangers.has(id) || strangers.size >= MAX_STRANGERS) return false;
			strangers.set(id, time);
			await save();
			return true;
		},
		modelOf: (sessionKey) => models.get(sessionKey),
		async chooseModel(sessionKey, model) {
			if (models.get(sessionKey) === model) return;
			putLast(models, sessionKey, model);
			await save();
		},
	};
}

/** Puts an entry last, and forgets the first where there are too many. */
export function putLast<Key, Value>(
	map: Map<Key, Value>,
	key: Key,
	value: Value,
	maxEntries = MAX_ENTRIES,
): void {
	map.delete(key);
	map.set(key, value);
	const [first] = map.keys();
	if (map.size > maxEntries && first !== undefined) map.delete(first);
}
