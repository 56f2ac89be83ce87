import { existsSync } from "node:fs";
import { AeonError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import { codeOf } from "./failure.ts";

/** SQLite asks for a lock again within this time. */
const PATIENCE_MS = 1_000;

/**
 * Throws `conflict` where anybody has a database open, reading or writing. Of one that nobody has open, the log is taken
 * into the file. Other failures are not told: a damaged database is nobody's.
 */
export function checkUnused(path: string): void {
	// Opening it would make one.
	if (!existsSync(path)) return;
	const database = platform.openDatabase(path);
	try {
		database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}`);
		// In this mode a log is used without shared memory, which takes that no other connection is there.
		database.exec("PRAGMA locking_mode = EXCLUSIVE");
		database.exec("BEGIN EXCLUSIVE");
		database.exec("COMMIT");
		database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
	} catch (error) {
		if (!/^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))) return;
		throw new AeonError("conflict", `another program has ${path} open`, {
			hint: "End it, for example an aeon chat, and try again.",
		});
	} finally {
		database.close();
	}
}
