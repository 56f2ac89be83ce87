// Bringing a database up to date: its schema is numbered steps, and `user_version` counts those that a file has had.

import { AeonError } from "../core/errors.ts";
import type { SqlDatabase } from "../core/platform.ts";

/** What a database of Aeon's own has in it. */
export interface Schema {
	/** SQL, one step after another. A step is never changed once it is released: what is wrong with it is put right by the next one. */
	steps: readonly string[];
	/** The setting of aeon.json that names the file. */
	setting: string;
}

/** Brings a database up to date. Throws `conflict` where it is newer than this program. */
export function migrate(
	database: SqlDatabase,
	path: string,
	schema: Schema,
): void {
	const { steps } = schema;
	for (
		let done = checkVersion(database, path, schema);
		done < steps.length;
		done++
	)
		database.transaction(() => {
			// Another process may have taken this step while this one waited for the lock.
			if (readVersion(database) > done) return;
			database.exec(steps[done] ?? "");
			database.exec(`PRAGMA user_version = ${done + 1}`);
		});
}

/** How many of the steps a database has had. Throws `conflict` where it is newer than this program. */
export function checkVersion(
	database: SqlDatabase,
	path: string,
	{ steps, setting }: Schema,
): number {
	const version = readVersion(database);
	if (version > steps.length)
		throw new AeonError(
			"conflict",
			`${path} was written by a newer Aeon: its schema is ${version}, and this one knows ${steps.length}`,
			{
				hint: `Start the newer aeon, or name another file in ${setting}.`,
			},
		);
	return version;
}

function readVersion(database: SqlDatabase): number {
	return (
		database.prepare<{ user_version: number }>("PRAGMA user_version").get()
			?.user_version ?? 0
	);
}
