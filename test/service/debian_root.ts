import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/home.ts";

/** A Debian with systemd, unpacked (mmdebstrap); it is left as it is. */
const DEBIAN_ROOT = process.env.AEON_DEBIAN_ROOT ?? "";

/** What useradd and userdel keep of the files they change, and what is gone with the next start of a machine. */
const FLEETING =
	/^\.\/(etc\/((passwd|group|shadow|gshadow)-|\.pwd\.lock)$|run\/)/;

/** A Debian that a test may do anything to, in which no systemd runs. */
export interface DebianRoot extends AsyncDisposable {
	/** Runs a program in it, as root or another user, with nothing of this environment. */
	run(
		argv: string[],
		as?: { user?: string; env?: Record<string, string>; stdin?: string },
	): Promise<{ code: number; out: string; err: string }>;
	/** Copies a file of this machine into it. */
	copyIn(from: string, to: string): Promise<unknown>;
	/** Every file with kind, mode, owner and what is in it; without the backups of the user database and /run. */
	list(): Promise<string[]>;
}

/** Why there is no such machine here; undefined where there is one. */
export function noDebianRoot(): string | undefined {
	if (DEBIAN_ROOT === "") return "AEON_DEBIAN_ROOT names no Debian root";
	if (process.getuid?.() !== 0) return "a chroot takes root";
	const folder = temporaryFolder();
	using _ = folder;
	const script = mountScript(folder.path);
	const { success, stderr } = Bun.spawnSync(
		["unshare", "--mount", "sh", "-c", script],
		{ stdout: "ignore" },
	);
	return success ? undefined : `an overlay cannot be mounted: ${stderr}`;
}

/** A fresh one; what is changed in it is gone with it. */
export async function openDebianRoot(): Promise<DebianRoot> {
	const folder = temporaryFolder();
	const root = join(folder.path, "root");
	// The mounts are this process's own, and go with it.
	const holder = Bun.spawn(
		[
			...["unshare", "--mount", "--propagation", "private", "sh", "-c"],
			`${mountScript(folder.path)} && echo mounted && exec sleep infinity`,
		],
		{ stdin: "ignore", stdout: "pipe", stderr: "inherit" },
	);
	const { value } = await holder.stdout.getReader().read();
	if (!value) throw new Error("the Debian root cannot be mounted");
	const within = ["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`];
	const start = async (argv: string[], stdin?: string) => {
		const child = Bun.spawn([...within, ...argv], {
			stdin: stdin === undefined ? "ignore" : new Blob([stdin]),
			stdout: "pipe",
			stderr: "pipe",
			env: { PATH: process.env.PATH ?? "" },
		});
		const [code, out, err] = await Promise.all([
			child.exited,
			child.stdout.text(),
			child.stderr.text(),
		]);
		return { code, out, err };
	};
	return {
		run: (argv, { user = "root", env = {}, stdin } = {}) => {
			const variables = {
				PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				HOME: user === "root" ? "/root" : `/home/${user}`,
				...env,
			};
			const set = Object.entries(variables).map(([a, b]) => `${a}=${b}`);
			const enter = ["chroot", `--userspec=${user}`, root];
			return start(
				[...enter, "/usr/bin/env", "-i", "-C", "/", ...set, ...argv],
				stdin,
			);
		},
		copyIn: (from, to) => start(["cp", from, `${root}${to}`]),
		async list() {
			const { out } = await start([
				...["sh", "-c"],
				`cd ${root} && find . -xdev -printf '%p %y %m %U:%G %l\\n' && find . -xdev -type f -print0 | xargs -0 sha256sum`,
			]);
			return out
				.split("\n")
				.filter((line) => !line.split(" ").some((word) => FLEETING.test(word)))
				.sort();
		},
		async [Symbol.asyncDispose]() {
			holder.kill("SIGKILL");
			await holder.exited;
			folder[Symbol.dispose]();
		},
	};
}

function mountScript(folder: string): string {
	for (const name of ["upper", "work", "root"])
		mkdirSync(join(folder, name), { recursive: true });
	return `mount -t overlay overlay -o lowerdir=${DEBIAN_ROOT},upperdir=${folder}/upper,workdir=${folder}/work ${folder}/root &&
mount --bind /proc ${folder}/root/proc && mount --bind /dev ${folder}/root/dev`;
}
