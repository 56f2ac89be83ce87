// The one seam that names the runtime. Bun stands behind it, in the files platform_*; another runtime is one more of this shape.

export { platform } from "./platform_bun.ts";

/** A prepared SQL statement. Parameters are named (`$key`), values are strings, numbers, bytes or null. */
export interface Statement<Row = unknown> {
	all(parameters?: SqlParameters): Row[];
	get(parameters?: SqlParameters): Row | undefined;
	run(parameters?: SqlParameters): { changes: number; lastInsertRowid: number };
}

export type SqlParameters = Record<string, string | number | Uint8Array | null>;

/** One open SQLite database. */
export interface SqlDatabase {
	/** Runs SQL that takes no parameters and gives no rows; several statements may be separated by `;`. */
	exec(sql: string): void;
	/** A statement compiled once and kept as long as the database is open. */
	prepare<Row>(sql: string): Statement<Row>;
	/** All or nothing: runs the work inside BEGIN IMMEDIATE … COMMIT, rolls back where it throws. */
	transaction<T>(work: () => T): T;
	close(): void;
}

/** A child process in a process group of its own, stdin closed, stdout and stderr to be read. */
export interface Child {
	readonly pid: number;
	readonly stdout: ReadableStream<Uint8Array>;
	readonly stderr: ReadableStream<Uint8Array>;
	/** The exit code, or 128 + the signal's number. */
	readonly exited: Promise<number>;
	/** Sends a signal to every process of the group that may be signalled; does nothing once the group is gone. */
	signalGroup(signal: "SIGTERM" | "SIGKILL"): void;
}

/** What Aeon needs of a runtime beside the web's own interfaces and `node:fs`. */
export interface Platform {
	/** Opens a SQLite file, creating it where it is missing. */
	openDatabase(path: string): SqlDatabase;
	/** Starts a program. Throws at once where it cannot be started. `env` is the child's whole environment. */
	spawn(
		command: string[],
		options: { cwd: string; env: Record<string, string> },
	): Child;
	/** SHA-256 of a text's UTF-8, in hexadecimal. `node:crypto` would cost megabytes of memory. */
	sha256(text: string): string;
	/** Keeps other processes of the same user from reading this one's memory and environment. False where it cannot. */
	hideProcess(): boolean;
	/** Runs a program to its end, unheard; true where it ended with 0. For what takes milliseconds. */
	succeeds(
		command: string[],
		options: { cwd: string; env: Record<string, string> },
	): boolean;
	/** True on Linux with Landlock, by which `aeon confine` keeps a command from files. */
	hasLandlock(): boolean;
	/** What starts this very Aeon again, from its binary or its source; its arguments and other variables come on top. */
	self(): { argv: string[]; env: Record<string, string> };
}
