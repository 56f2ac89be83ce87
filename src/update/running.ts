// What of Aeon runs on a state directory, and how it is begun anew.

import { existsSync, readFileSync, realpathSync } from "node:fs";
import { AeonError } from "../core/errors.ts";
import type { ServerPresence } from "../core/presence.ts";
import { run } from "../core/run.ts";
import { type Installation, UNIT } from "../service/installation.ts";

/** A server as an update finds it. */
export type Running =
	| {
			kind: "service";
			scope: Installation["scope"];
			/** Its run, as systemd names it, that was ended last. */
			ended?: string;
	  }
	/** Somebody has started it by hand: with these arguments. */
	| { kind: "process"; pid: number; args: string[] }
	/** It is of another program or user, or too old to begin itself anew, or cannot be looked at. */
	| { kind: "foreign"; pid: number }
	| { kind: "nothing" };

/** Of what a process hears, by the number of the signal less one (proc_pid_status(5)). */
const SIGUSR2 = 1n << 11n;

const LIVING = ["active", "activating", "reloading", "deactivating"];

/** What serves. */
export async function findRunning(
	binary: string,
	installation: Installation | undefined,
	server: ServerPresence | undefined,
	uid: number,
): Promise<Running> {
	if (installation && existsSync("/run/systemd/system")) {
		const { scope } = installation;
		const shown = await systemctl(scope, "show", "-P", "ActiveState", UNIT);
		if (LIVING.includes(shown.out.trim())) return { kind: "service", scope };
	}
	if (!server) return { kind: "nothing" };
	const { pid } = server;
	const [program = "", ...args] = commandLine(pid);
	if (args[0] !== "serve" || !isSame(program, binary) || !hears(pid, uid))
		return { kind: "foreign", pid };
	return { kind: "process", pid, args };
}

/** Ends it and begins it anew, with the program that is now in its place. Throws `conflict` with what systemd says. */
export async function restart(running: Running): Promise<void> {
	if (running.kind === "process") {
		process.kill(running.pid, "SIGUSR2");
		return;
	}
	if (running.kind !== "service") return;
	running.ended = await runOf(running.scope);
	// It would wait for one that hangs as long as a start may take.
	const flags = ["restart", "--no-block"];
	const { code, err } = await systemctl(running.scope, ...flags, UNIT);
	if (code !== 0)
		throw new AeonError(
			"conflict",
			`systemctl restart ended with ${code}: ${err.trim()}`,
		);
}

/** What `Result` of a service says beside that it failed (systemd.exec(5), "$SERVICE_RESULT"). */
const RESULTS: Record<string, string> = {
	timeout: "it did not get ready in time",
	watchdog: "it hung",
	signal: "a signal ended it",
	"core-dump": "a signal ended it",
	"oom-kill": "it took too much memory",
	resources: "systemd could not start it",
};

/** Why a server that was begun anew cannot come to answer by itself; undefined while it may. */
export async function whyLost(running: Running): Promise<string | undefined> {
	if (running.kind === "process")
		return isRunning(running.pid) ? undefined : "its process has ended";
	if (running.kind !== "service") return undefined;
	const names = ["InvocationID", "ActiveState", "SubState", "Result"];
	const asked = names.flatMap((name) => ["-P", name]);
	const { out } = await systemctl(running.scope, "show", ...asked, UNIT);
	const words = out.trim().split("\n");
	// Of the run before: what is said of it is over as soon as the service is begun anew.
	if (words.includes(running.ended ?? "")) return undefined;
	if (!words.includes("failed") && !words.includes("auto-restart"))
		return undefined;
	const why = words.filter((word) => Object.hasOwn(RESULTS, word));
	return ["its service has ended", ...why.map((word) => RESULTS[word])].join(
		": ",
	);
}

/** What a service has said itself since a moment, milliseconds since 1970: its last lines; empty where nobody knows. */
export async function lastWords(
	running: Running,
	since: number,
): Promise<string> {
	if (running.kind !== "service") return "";
	const unit =
		running.scope === "user" ? "_SYSTEMD_USER_UNIT" : "_SYSTEMD_UNIT";
	const from = ["--since", `@${Math.floor(since / 1000)}`];
	const format = ["--output", "cat", "--lines", "3", "--no-pager"];
	const argv = ["journalctl", ...from, ...format, `${unit}=${UNIT}`];
	const { code, out } = await run(argv).catch(() => ({ code: 1, out: "" }));
	return code === 0 ? out.trim().replaceAll("\n", " / ") : "";
}

/** Begins a server in a session of its own, which nobody's terminal ends. */
export async function startDetached(
	argv: readonly string[],
	env: Record<string, string>,
): Promise<void> {
	const script = '"$@" </dev/null >/dev/null 2>&1 &';
	await run(["/bin/sh", "-c", script, "sh", ...argv], {
		env,
		cwd: process.cwd(),
	});
}

/** True while there is a process that has not ended. */
export function isRunning(pid: number): boolean {
	try {
		// What stands behind the name, which may have anything in it; Z has ended (proc_pid_stat(5)).
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		return !/^\) [ZX]/.test(stat.slice(stat.lastIndexOf(")")));
	} catch {
		return false;
	}
}

function systemctl(scope: Installation["scope"], ...words: string[]) {
	const uid = process.getuid?.();
	const { XDG_RUNTIME_DIR = `/run/user/${uid}` } = process.env;
	return run(["systemctl", ...(scope === "user" ? ["--user"] : []), ...words], {
		env: { XDG_RUNTIME_DIR },
	});
}

/** Which run of the service it is. */
async function runOf(scope: Installation["scope"]): Promise<string> {
	return (
		await systemctl(scope, "show", "-P", "InvocationID", UNIT)
	).out.trim();
}

/** True of a process of this user that hears SIGUSR2: any other would only be ended by it. */
function hears(pid: number, uid: number): boolean {
	try {
		const status = readFileSync(`/proc/${pid}/status`, "utf8");
		const [, caught = "0"] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status) ?? [];
		const [, owner] = /^Uid:\s*(\d+)/m.exec(status) ?? [];
		return Number(owner) === uid && (BigInt(`0x${caught}`) & SIGUSR2) > 0n;
	} catch {
		return false;
	}
}

/** The words that a process was started with; none where there is none. */
export function commandLine(pid: number): string[] {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8")
			.split("\0")
			.slice(0, -1);
	} catch {
		return [];
	}
}

function isSame(one: string, other: string): boolean {
	try {
		return realpathSync(one) === realpathSync(other);
	} catch {
		return false;
	}
}
