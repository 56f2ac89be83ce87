// What of Linux no runtime offers: calls into the C library. It imports little, since every confined command waits for it.

import { dlopen, ptr } from "bun:ffi";
import {
	closeSync,
	constants,
	openSync,
	readFileSync,
	readlinkSync,
} from "node:fs";

/** Where the C library lies, by the names that glibc and musl give it. */
const C_LIBRARIES = [
	"libc.so.6",
	`libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];

/** Options of prctl(2) (linux/prctl.h). */
const PR_SET_DUMPABLE = 4;
const PR_SET_NO_NEW_PRIVS = 38;

const PR_CAPBSET_DROP = 24;

/** CAP_SYS_ADMIN and CAP_PERFMON: by either root reads the environment of any process, Landlock or not (linux/capability.h). */
const PRYING_CAPABILITIES = [21, 38];

/** System calls; the numbers are those of x64 and arm64 alike. */
const LANDLOCK_CREATE_RULESET = 444;
const LANDLOCK_ADD_RULE = 445;
const LANDLOCK_RESTRICT_SELF = 446;

/** madvise(2): its numbers, by the words that Bun has for processors, and an advice (linux/mman.h). */
const MADVISE: Record<string, number> = { x64: 28, arm64: 233 };
const MADV_DONTNEED = 4;

/** linux/landlock.h */
const CREATE_RULESET_VERSION = 1;
const RULE_PATH_BENEATH = 1;
const EXECUTE_WRITE_READ = 0b111n;
const READ_DIR = 1n << 3n;
const FIRST_RIGHTS = (1n << 13n) - 1n;
const REFER = 1n << 13n;
const TRUNCATE = 1n << 14n;

/** Opens without asking for any right; node has no name for it. The number is that of x64 and arm64 alike. */
const O_PATH = 0x200000;

/** bits/socket.h and asm-generic/socket.h; those of x64 and arm64 alike. */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;

/** SIGPIPE and SIGXFSZ: Bun ignores them, and what is ignored stays so in the program that a process becomes. */
const IGNORED_SIGNALS = [13, 25];
const SIG_DFL = 0;

/** For a process that becomes another: lets Bun keep no code in its home, which for commands is the workspace. */
export const NO_CODE_CACHE: Record<string, string> = {
	BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
};

/** The rights to files that this process keeps. Whatever it is not allowed, it loses once they are enforced. */
export interface Ruleset {
	/**
	 * Allows everything with this file, or with this folder and all beneath it. Links are not followed; what cannot be
	 * opened stays closed.
	 */
	allow(path: string, kind: "file" | "folder"): void;
	/** Allows the names beneath this folder to be listed. */
	allowListing(path: string): void;
	/** Takes all other rights from this thread and what it starts or becomes, for good; setuid programs, too. */
	enforce(): void;
}

/** Keeps other processes of the same user from reading this one's memory and environment. False where it cannot. */
export function hideProcess(): boolean {
	return openLibrary()?.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) === 0;
}

/** Sends a datagram to a Unix socket: a path, or an abstract name with `@` before it. False where it cannot. */
export function sendDatagram(address: string, text: string): boolean {
	const library = openLibrary();
	if (!library || address === "" || text === "") return false;
	const isAbstract = address.startsWith("@");
	const name = Buffer.from(isAbstract ? `\0${address.slice(1)}` : address);
	// struct sockaddr_un { u16 sun_family; char sun_path[108] }
	const target = Buffer.alloc(2 + name.length + (isAbstract ? 0 : 1));
	target.writeUInt16LE(AF_UNIX);
	name.copy(target, 2);
	const descriptor = library.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0) return false;
	const bytes = Buffer.from(text);
	const sent = library.sendto(
		descriptor,
		ptr(bytes),
		bytes.length,
		MSG_NOSIGNAL,
		ptr(target),
		target.length,
	);
	closeSync(descriptor);
	return Number(sent) === bytes.length;
}

/** What /proc/self/maps says of code, and of what lies at the head of a file; proc_pid_maps(5). */
const CODE = /^([0-9a-f]+)-([0-9a-f]+) (r-xp|r--p 0+) .*? (\/.*)$/;

/**
 * Unmaps the pages of this program's code and constants until they are used again: most were once, at the start. They stay
 * in the system's file cache as long as that has room, and were never written, so that nothing can be lost (madvise(2),
 * MADV_DONTNEED). What else is read-only, of a library or further on in a file, the linker may have written before.
 */
export function releaseCode(): void {
	const library = openLibrary();
	const number = MADVISE[process.arch];
	if (!library || number === undefined) return;
	const own = readlinkSync("/proc/self/exe");
	for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
		const [, from, to, kind, file] = CODE.exec(line) ?? [];
		if (!from || !to) continue;
		if (kind !== "r-xp" && file !== own) continue;
		const start = Number.parseInt(from, 16);
		const length = Number.parseInt(to, 16) - start;
		library.syscall(number, start, length, MADV_DONTNEED, 0);
	}
}

/** The version of Landlock that the kernel speaks; 0 where it has none. */
export function landlockVersion(): number {
	const version = openLibrary()?.syscall(
		LANDLOCK_CREATE_RULESET,
		0,
		0,
		CREATE_RULESET_VERSION,
		0,
	);
	return Math.max(version ?? 0, 0);
}

/** An empty set of rules. Throws where the kernel has no Landlock. */
export function openRuleset(): Ruleset {
	const library = openLibrary();
	const version = landlockVersion();
	if (!library || version === 0) throw new Error("there is no Landlock here");
	const handled =
		FIRST_RIGHTS | (version >= 2 ? REFER : 0n) | (version >= 3 ? TRUNCATE : 0n);
	/** Throws where a call fails, with the name that strace would show. */
	const call = (name: string, ...numbers: [number, ...number[]]): number => {
		const [number, a = 0, b = 0, c = 0, d = 0] = numbers;
		const result = library.syscall(number, a, b, c, d);
		if (result < 0) throw new Error(`${name} failed`);
		return result;
	};

	// struct landlock_ruleset_attr { u64 handled_access_fs }
	const attributes = new BigUint64Array([handled]);
	const ruleset = call(
		"landlock_create_ruleset",
		LANDLOCK_CREATE_RULESET,
		ptr(attributes),
		attributes.byteLength,
	);
	// struct landlock_path_beneath_attr { u64 allowed_access; s32 parent_fd } without a gap
	const rule = new DataView(new ArrayBuffer(12));
	const add = (path: string, rights: bigint) => {
		let descriptor: number;
		try {
			descriptor = openSync(path, O_PATH | constants.O_NOFOLLOW);
		} catch {
			return;
		}
		try {
			rule.setBigUint64(0, rights & handled, true);
			rule.setInt32(8, descriptor, true);
			const place = ptr(rule);
			const name = `landlock_add_rule for ${path}`;
			call(name, LANDLOCK_ADD_RULE, ruleset, RULE_PATH_BENEATH, place);
		} finally {
			closeSync(descriptor);
		}
	};

	return {
		allow: (path, kind) =>
			add(path, kind === "folder" ? handled : EXECUTE_WRITE_READ | TRUNCATE),
		allowListing: (path) => add(path, READ_DIR),
		enforce() {
			for (const capability of PRYING_CAPABILITIES)
				library.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
			if (library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0)
				throw new Error("prctl failed");
			call("landlock_restrict_self", LANDLOCK_RESTRICT_SELF, ruleset);
			closeSync(ruleset);
		},
	};
}

/** Turns this process into another program, which has its id, its standard streams and, if no other is given, its environment. */
export function becomeProgram(
	file: string,
	argv: string[],
	given: Record<string, string | undefined> = process.env,
): never {
	for (const signal of IGNORED_SIGNALS) openLibrary()?.signal(signal, SIG_DFL);
	if (!process.execve) throw new Error("this runtime has no execve");
	const env = { ...given };
	for (const name of Object.keys(NO_CODE_CACHE)) delete env[name];
	return process.execve(file, argv, env);
}

let library: ReturnType<typeof findLibrary>;

/** The C library; undefined on other systems and where it lies elsewhere. */
function openLibrary() {
	library ??= findLibrary();
	return library;
}

function findLibrary() {
	if (process.platform !== "linux") return undefined;
	for (const path of C_LIBRARIES) {
		const found = tryLibrary(path);
		if (found) return found;
	}
	return undefined;
}

/** Undefined where the C library has another name here, or where there is no `bun:ffi`. */
function tryLibrary(path: string) {
	try {
		return dlopen(path, {
			prctl: { args: ["int", "u64", "u64", "u64", "u64"], returns: "int" },
			signal: { args: ["int", "u64"], returns: "u64" },
			socket: { args: ["int", "int", "int"], returns: "int" },
			sendto: {
				args: ["int", "ptr", "u64", "int", "ptr", "u32"],
				returns: "i64",
			},
			// Its result is a long, but a descriptor, a version or -1 fits an int.
			syscall: { args: ["i64", "u64", "u64", "u64", "u64"], returns: "int" },
		}).symbols;
	} catch {
		return undefined;
	}
}
