// A machine of its own, as far as Linux's namespaces go: users, processes, network, name, and a root that forgets everything.
// Programs of the root's architecture run under qemu-user, which is registered in there alone. Needs root and Linux 6.7.

import { dlopen } from "bun:ffi";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HOST } from "./root.ts";

const CLONE_NEWNET = 0x40000000;

const EMULATOR = "/usr/bin/qemu-aarch64-static";

/** How Linux knows a program for arm64 (binfmt_misc). F: opened now; O, C, P: with its own file, rights (for sudo) and name. */
const FORMAT =
	String.raw`:aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:` +
	`${EMULATOR}:FOCP`;

/** Made inside, by the programs of this system; $1 is the root, $2 where things are put together. */
const SETUP = `set -e
mount -t proc proc /proc
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf '%s' '${FORMAT}' > /proc/sys/fs/binfmt_misc/register
hostname ${HOST}
mount -t tmpfs -o mode=755 tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work,userxattr" overlay "$2/root"
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$2/root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$2/root/run"
chroot "$2/root" ip link set lo up`;

/** One that runs until it is switched off, or until this program ends. */
export class Machine {
	/** Its root, as it is seen from here. */
	readonly root: string;
	#holder: Bun.Subprocess<"pipe", "pipe", "inherit">;
	#pid: number;
	#place: string;

	private constructor(
		holder: Bun.Subprocess<"pipe", "pipe", "inherit">,
		pid: number,
		place: string,
	) {
		this.#holder = holder;
		this.#pid = pid;
		this.#place = place;
		this.root = `/proc/${pid}/root${place}/root`;
	}

	/** Switches one on, over a root that stays as it is; `place` is an empty folder. Throws where this system cannot. */
	static async start(root: string, place: string): Promise<Machine> {
		// The first process of it: takes in whoever loses a parent, and ends it all when its input ends.
		const holder = Bun.spawn(
			[
				...["unshare", "--user", "--mount", "--pid", "--net", "--uts"],
				...["--fork", "--kill-child", "bash", "-c", "echo; read -r _"],
			],
			{ stdin: "pipe", stdout: "pipe", stderr: "inherit" },
		);
		await holder.stdout.getReader().read();
		const [pid = 0] = childrenOf(holder.pid);
		for (const map of ["uid_map", "gid_map"])
			writeFileSync(`/proc/${pid}/${map}`, "0 0 65536");
		const machine = new Machine(holder, pid, place);
		const { success, stderr } = Bun.spawnSync([
			...machine.#enter(),
			...["sh", "-c", SETUP, "sh", root, place],
		]);
		if (!success) {
			machine.stop();
			throw new Error(`No machine can be made here: ${stderr}`);
		}
		return machine;
	}

	/** The command by which a program of the root is run in it, as root. */
	inside(...command: string[]): string[] {
		return [
			...this.#enter(),
			...["chroot", join(this.#place, "root"), ...command],
		];
	}

	/** Sends a signal to the program that was started by `inside`, of which `pid` is known here. */
	signal(pid: number, signal: NodeJS.Signals): void {
		for (const child of childrenOf(pid)) process.kill(child, signal);
	}

	/** Does what is to be done in its network: what is opened meanwhile can be reached from there alone. */
	inNetwork<T>(work: () => T): T {
		const libc = dlopen("libc.so.6", {
			setns: { args: ["i32", "i32"], returns: "i32" },
		});
		const own = openSync("/proc/thread-self/ns/net", "r");
		const its = openSync(`/proc/${this.#pid}/ns/net`, "r");
		const move = (network: number) => {
			if (libc.symbols.setns(network, CLONE_NEWNET) !== 0)
				throw new Error("setns failed: root's rights are needed.");
		};
		try {
			move(its);
			return work();
		} finally {
			move(own);
			closeSync(own);
			closeSync(its);
			libc.close();
		}
	}

	/** Switches it off: every process of it is gone. */
	stop(): void {
		this.#holder.kill("SIGKILL");
	}

	#enter(): string[] {
		return [
			"nsenter",
			`--target=${this.#pid}`,
			...["--user", "--mount", "--pid", "--net", "--uts"],
		];
	}
}

function childrenOf(pid: number): number[] {
	const words = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
	return words.trim().split(" ").filter(Boolean).map(Number);
}
