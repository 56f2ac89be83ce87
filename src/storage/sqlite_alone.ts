import { type Connection, openConnection } from "../database/database.ts";
import { checkUnused } from "../database/in_use.ts";
import { Patience } from "../database/patience.ts";
import { SESSIONS } from "./migrations.ts";

/**
 * The one connection to a database, which is made where it is missing: nobody else can open it until this is closed.
 * Throws `conflict` where somebody has it open already, and `storage_failed`.
 */
export async function openAlone(path: string): Promise<Connection> {
	checkUnused(path);
	const connection = await openConnection(path, SESSIONS, new Patience());
	try {
		await connection.read(() =>
			connection.database.exec("PRAGMA locking_mode = EXCLUSIVE"),
		);
		// SQLite takes the lock with the next write.
		await connection.write(() => {});
		return connection;
	} catch (error) {
		await connection.close();
		throw error;
	}
}
