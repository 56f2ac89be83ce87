import { dlopen } from "bun:ffi";
import { Database } from "bun:sqlite";
import type {
	Child,
	Platform,
	SqlDatabase,
	SqlParameters,
	Statement,
} from "./platform.ts";

/** `prctl` option PR_SET_DUMPABLE (linux/prctl.h). */
const PR_SET_DUMPABLE = 4;

/** Where the C library lies, by the names that glibc and musl give it. */
const C_LIBRARIES = [
	"libc.so.6",
	`libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];

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

	fetch: (url, init) => fetch(url, { ...init, timeout: false } as RequestInit),

	sha256: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),

	hideProcess() {
		if (process.platform !== "linux") return false;
		for (const library of C_LIBRARIES) {
			try {
				const { symbols } = dlopen(library, {
					prctl: { args: ["int", "u64", "u64", "u64", "u64"], returns: "int" },
				});
				return symbols.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) === 0;
			} catch {}
		}
		return false;
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
