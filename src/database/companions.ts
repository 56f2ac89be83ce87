import { realpathSync } from "node:fs";

/** What SQLite keeps beside a database while that is in use, by what it puts behind the name: the log, and its index. */
export const COMPANIONS = ["-wal", "-shm"] as const;

/** The path of a database's log: what was written last and is not in the file yet. It lies beside the file that a link leads to. */
export function logOf(path: string): string {
	return `${resolved(path)}${COMPANIONS[0]}`;
}

function resolved(path: string): string {
	try {
		return realpathSync(path);
	} catch {
		// There is no such file yet.
		return path;
	}
}
