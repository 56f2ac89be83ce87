/** What SQLite keeps beside a database while that is in use, by what it puts behind the name: the log, and its index. */
export const COMPANIONS = ["-wal", "-shm"] as const;

/** The path of a database's log: what was written last and is not in the file yet. */
export function logOf(path: string): string {
	return `${path}${COMPANIONS[0]}`;
}
