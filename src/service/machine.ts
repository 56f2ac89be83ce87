// What installing asks of the machine: its systemd, its users, its programs.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { AeonError } from "../core/errors.ts";
import { type RunOptions, run } from "../core/run.ts";

/** A user of the machine (passwd(5)). */
export interface Account {
	name: string;
	uid: number;
	gid: number;
	home: string;
	/** It was made for the service. */
	isOwn: boolean;
}

/** What passwd(5) has of such a user beside: an installing that was killed is known by it. */
const ACCOUNT_COMMENT = "Aeon, made by aeon service install";

/** Longer than TimeoutStartSec of the unit. */
const SYSTEMCTL_MS = 16 * 60_000;

/** systemd runs this machine: not so in a chroot and in most containers (sd_booted(3)). */
export function isBooted(): boolean {
	return existsSync("/run/systemd/system");
}

/** The version of systemd; undefined where there is none. */
export async function systemdVersion(): Promise<number | undefined> {
	if (!["/usr/bin/systemctl", "/bin/systemctl"].some((one) => existsSync(one)))
		return undefined;
	const { out } = await run(["systemctl", "--version"]);
	return Number(/^systemd (\d+)/.exec(out)?.[1]) || undefined;
}

/** Runs a program; gives what it wrote. Throws `conflict` with what it said where it failed. */
export async function must(
	command: readonly string[],
	options?: RunOptions,
): Promise<string> {
	const { code, out, err } = await run(command, options);
	if (code === 0) return out;
	const said = (err.trim() || out.trim()).slice(-1000);
	throw new AeonError(
		"conflict",
		`${command.join(" ")} failed with ${code}${said && `: ${said}`}`,
	);
}

/** How systemctl and its like are talked to. */
export interface Systemd {
	scope: "system" | "user";
	/** Runs `systemctl`. Throws `conflict` where it fails. */
	control(...args: string[]): Promise<string>;
	/** The last lines about the service, or those that its program of this name wrote itself; empty where they may not be read. */
	journal(lines: number, program?: string): Promise<string>;
}

/** The systemd of the machine, or that of the user whom this process runs as. An abort ends the wait for it, not what it does. */
export function systemd(
	scope: Systemd["scope"],
	signal?: AbortSignal,
): Systemd {
	const env = scope === "user" ? sessionEnvironment() : {};
	const flag = scope === "user" ? ["--user"] : [];
	return {
		scope,
		control: (...args) =>
			must(["systemctl", ...flag, ...args], {
				env,
				timeoutMs: SYSTEMCTL_MS,
				...(signal && { signal }),
			}),
		async journal(lines, program) {
			const unit = scope === "user" ? "--user-unit=aeon" : "--unit=aeon";
			const { out } = await run(
				[
					...["journalctl", "--quiet", "--no-pager", "--output=cat"],
					...[unit, `--lines=${lines}`],
					...(program ? [`--identifier=${program}`] : []),
				],
				{ env },
			);
			return out;
		},
	};
}

/** Where a user's systemd listens; sudo and su leave these variables out. */
function sessionEnvironment(): Record<string, string> {
	const { XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS, HOME } = process.env;
	const runtime = XDG_RUNTIME_DIR || `/run/user/${process.getuid?.()}`;
	return {
		XDG_RUNTIME_DIR: runtime,
		DBUS_SESSION_BUS_ADDRESS:
			DBUS_SESSION_BUS_ADDRESS || `unix:path=${runtime}/bus`,
		...(HOME && { HOME }),
	};
}

/** A user by name or number; undefined where there is none. Asks whatever the machine knows users from. */
export async function findAccount(key: string): Promise<Account | undefined> {
	const { code, out } = await run(["getent", "--", "passwd", key]);
	if (code !== 0) return undefined;
	const [name = "", , uid, gid, comment, home = ""] = out.trim().split(":");
	const isOwn = comment === ACCOUNT_COMMENT;
	return { name, uid: Number(uid), gid: Number(gid), home, isOwn };
}

/** Makes a user of the system who cannot log in. */
export async function makeAccount(name: string, home: string): Promise<void> {
	const { code } = await run(["getent", "group", name]);
	await must([
		...["useradd", "--system", "--home-dir", home, "--no-create-home"],
		...["--shell", "/usr/sbin/nologin", "--comment", ACCOUNT_COMMENT],
		...(code === 0 ? ["--gid", name] : ["--user-group"]),
		name,
	]);
}

/** Removes a user, where there is one, and the group of that name. */
export async function removeAccount(name: string): Promise<void> {
	if (await findAccount(name)) await must(["userdel", name]);
}

/** The processes of a user, by their numbers. */
export function processesOf(uid: number): number[] {
	return readdirSync("/proc")
		.map(Number)
		.filter((pid) => {
			try {
				const status = readFileSync(`/proc/${pid}/status`, "utf8");
				return Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]) === uid;
			} catch {
				// No process, or one that has ended.
				return false;
			}
		});
}

/** False where the kernel keeps no account of memory, so that no limit of it holds; Raspberry Pi OS has it off. */
export function countsMemory(): boolean {
	try {
		const controllers = "/sys/fs/cgroup/cgroup.controllers";
		return readFileSync(controllers, "utf8").split(/\s+/).includes("memory");
	} catch {
		return true;
	}
}
