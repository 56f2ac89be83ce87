import { basename } from "node:path";
import { AeonError, describeError } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import { findServer } from "../core/presence.ts";
import { print, visible } from "../core/terminal.ts";
import type { Installation } from "../service/installation.ts";
import { isBooted, systemd } from "../service/machine.ts";
import { logsCommand } from "./service_journal.ts";
import { describeStatus } from "./status.ts";

/** Exit code of `systemctl status` for what is not running. */
const NOT_RUNNING = 3;

/** A name and what is told by it. */
type Line = [name: string, value: string];

const MB = 1_000_000;

const ANSWER_MS = 3_000;

/** Of what a service that failed has said, so many lines are shown. */
const LAST_LINES = 3;

/** Prints what systemd says of the service, and what Aeon itself says where it answers; gives the exit code. */
export async function showStatus(installed: Installation): Promise<number> {
	const found = await askSystemd(installed);
	const { ActiveState, SubState } = found;
	const state =
		ActiveState === SubState ? SubState : `${ActiveState} (${SubState})`;
	const runs = ActiveState === "active";
	const lines: Line[] = [
		["service", `${state}${why(found)}`],
		...(runs || !why(found) ? [] : await lastWords(installed)),
		["since", found.StateChangeTimestamp || "never"],
		["at start", found.UnitFileState ?? ""],
		["restarts", found.NRestarts ?? "0"],
		["memory", runs ? memory(found) : ""],
		["watchdog", watchdog(found)],
		["unit", installed.unit],
	];
	print(
		lines
			.filter(([, value]) => value)
			.map(([name, value]) => `${name.padEnd(10)}${visible(value)}\n`)
			.join(""),
	);
	if (!runs) return NOT_RUNNING;
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
		throw new AeonError("conflict", "systemd does not run this machine", {
			hint: "Nothing starts the service in a chroot or a container: run aeon serve itself.",
		});
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

/** What the program said before it ended; where that cannot be read, who can. */
async function lastWords({ scope, binary }: Installation): Promise<Line[]> {
	const said = await systemd(scope)
		.journal(LAST_LINES, basename(binary))
		.catch(() => "");
	const lines = said.split("\n").filter((text) => text.trim());
	if (lines.length === 0) return [["log", `${logsCommand(scope)} says why`]];
	return lines.map((text, index) => [index === 0 ? "said" : "", text]);
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
