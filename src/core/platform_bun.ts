import { Database } from "bun:sqlite";
import { join } from "node:path";
import type {
	Child,
	Platform,
	SqlDatabase,
	SqlParameters,
	Statement,
} from "./platform.ts";
import {
	hideProcess,
	landlockVersion,
	NO_CODE_CACHE,
} from "./platform_linux.ts";

let hasLandlock: boolean | undefined;

/** Bun behind the seam. */
export const platform: Platform = {
	openDatabase,

	spawn(command, { cwd, env }): Child {
		// `detached` is setsid(2): the child leads a group of its own, so that its children can be signalled with it.
		const child = Bun.spawn(command, {
			cwd,
			env,
			stdin: "ignore",
			stdout: "pipe",
			stderr: "pipe",
			detached: true,
		});
		return {
			pid: child.pid,
			stdout: child.stdout,
			stderr: child.stderr,
			exited: child.exited,
			signalGroup(signal) {
				try {
					process.kill(-child.pid, signal);
				} catch (error) {
					// ESRCH: the group is gone. EPERM: all that is left of it runs as another user, or on macOS is a zombie.
					const { code } = error as NodeJS.ErrnoException;
					if (code !== "ESRCH" && code !== "EPERM") throw error;
				}
			},
		};
	},

	sha256: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),

	hideProcess,

	succeeds: (command, { cwd, env }) =>
		Bun.spawnSync(command, {
			cwd,
			env,
			stdin: "ignore",
			stdout: "ignore",
			stderr: "ignore",
		}).success,

	hasLandlock() {
		hasLandlock ??= landlockVersion() > 0;
		return hasLandlock;
	},

	self() {
		const isCompiled = import.meta.dir.startsWith("/$bunfs/");
		return {
			argv: [
				// The very file that runs, even where an update has put another one in its place.
				process.platform === "linux" ? "/proc/self/exe" : process.execPath,
				...(isCompiled ? [] : [join(import.meta.dir, "..", "main.ts")]),
			],
			env: isCompiled ? {} : NO_CODE_CACHE,
		};
	},
};

function openDatabase(path: string): SqlDatabase {
	const database = new Database(path, { create: true, strict: true });
	const statement = <Row>(sql: string): Statement<Row> => {
		const query = database.query<Row, SqlParameters[]>(sql);
		return {
			all: (parameters = {}) => query.all(parameters),
			get: (parameters = {}) => query.get(parameters) ?? undefined,
			run: (parameters = {}) => {
				const { changes, lastInsertRowid } = query.run(parameters);
				return { changes, lastInsertRowid: Number(lastInsertRowid) };
			},
		};
	};
	return {
		exec: (sql) => void database.run(sql),
		prepare: statement,
		transaction: (work) => database.transaction(work).immediate(),
		close: () => database.close(),
	};
}
