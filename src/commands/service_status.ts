import { AeonError, describeError } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import { findServer } from "../core/presence.ts";
import { print, visible } from "../core/terminal.ts";
import type { Installation } from "../service/installation.ts";
import { isBooted, systemd } from "../service/machine.ts";
import { describeStatus } from "./status.ts";

/** Exit code of `systemctl status` for what is not running. */
const NOT_RUNNING = 3;

const MB = 1_000_000;

const ANSWER_MS = 3_000;

/** Prints what systemd says of the service, and what Aeon itself says where it answers; gives the exit code. */
export async function showStatus(installed: Installation): Promise<number> {
	const found = await askSystemd(installed);
	const lines: [string, string][] = [
		["service", `${found.ActiveState} (${found.SubState})${why(found)}`],
		["since", found.StateChangeTimestamp || "never"],
		["at start", found.UnitFileState ?? ""],
		["restarts", found.NRestarts ?? "0"],
		["memory", memory(found)],
		["watchdog", watchdog(found)],
		["unit", installed.unit],
	];
	print(
		lines
			.map(([name, value]) => `${name.padEnd(10)}${visible(value)}\n`)
			.join(""),
	);
	if (found.ActiveState !== "active") return NOT_RUNNING;
	print(`\n${await askAeon(installed, found.StatusText ?? "")}`);
	return 0;
}

async function askSystemd({
	scope,
}: Installation): Promise<Record<string, string>> {
	const names = [
		...["ActiveState", "SubState", "Result", "StateChangeTimestamp"],
		...["UnitFileState", "NRestarts", "MemoryCurrent", "MemoryPeak"],
		...["MemoryMax", "WatchdogUSec", "WatchdogTimestamp", "StatusText"],
		"ExecMainStatus",
	];
	if (!isBooted())
		throw new AeonError("conflict", "systemd does not run this machine");
	const out = await systemd(scope).control(
		...["show", "aeon.service", `--property=${names.join(",")}`],
	);
	return Object.fromEntries(
		out
			.split("\n")
			.filter((line) => line.includes("="))
			.map((line): [string, string] => {
				const at = line.indexOf("=");
				return [line.slice(0, at), line.slice(at + 1)];
			}),
	);
}

function why({ Result, ExecMainStatus }: Record<string, string>): string {
	return !Result || Result === "success"
		? ""
		: `: ${Result}, exit code ${ExecMainStatus}`;
}

function memory({
	MemoryCurrent: now,
	MemoryMax: most,
}: Record<string, string>): string {
	if (!/^\d+$/.test(now ?? "")) return "not counted here";
	const megabytes = (text = "") => `${Math.round(Number(text) / MB)} MB`;
	const limit = /^\d+$/.test(most ?? "") ? ` of ${megabytes(most)}` : "";
	return `${megabytes(now)}${limit}, with what it runs and the files it has read`;
}

function watchdog({
	WatchdogUSec: period,
	WatchdogTimestamp: last,
}: Record<string, string>): string {
	if (!period || ["0", "infinity"].includes(period)) return "off";
	return last ? `${period}, last heard of ${last}` : period;
}

/** Its own word; what it told systemd where it cannot be asked. */
async function askAeon(
	{ home, user }: Installation,
	text: string,
): Promise<string> {
	try {
		const state = stateDirectory(home);
		// What root creates beside a lock would keep the service from it.
		if (user && process.getuid?.() === 0) {
			process.setgid?.(user);
			process.setgroups?.([process.getgid?.() ?? user]);
			process.setuid?.(user);
		}
		if (!findServer(state)) return `${visible(text)}\n`;
		const { Connection } = await import("../remote/connection.ts");
		const { connection } = await Connection.open({
			locate: () => findServer(state),
			firstMs: ANSWER_MS,
			isPatient: true,
		});
		try {
			const { ok: _, ...found } = await connection.request("status", {});
			return describeStatus(found);
		} finally {
			connection.close();
		}
	} catch (error) {
		return `Aeon itself does not answer: ${visible(describeError(error))}\n`;
	}
}
