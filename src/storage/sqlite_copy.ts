// A copy of the database that sessions are kept in.

import { statSync } from "node:fs";
import { copyDatabase, verifyDatabase } from "../database/copy.ts";
import { openConnection } from "../database/database.ts";
import { Patience } from "../database/patience.ts";
import { SESSIONS } from "./migrations.ts";

/** Makes a file of all that is in a database, while others use that; an empty database where there is none. Throws `storage_failed`. */
export async function copySessions(
	path: string,
	target: string,
): Promise<void> {
	if (statSync(path, { throwIfNoEntry: false })?.size)
		return copyDatabase(path, target);
	const empty = await openConnection(target, SESSIONS, new Patience());
	await empty.close();
}

/** Throws `storage_failed` where such a copy is damaged or something else, and `conflict` where a newer Aeon made it. */
export function verifySessions(path: string): Promise<void> {
	return verifyDatabase(path, SESSIONS);
}
