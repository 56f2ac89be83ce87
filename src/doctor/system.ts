// What of the system works for Aeon: the confinement of commands, systemd, and an update that was not finished.

import { existsSync, readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { namespaces } from "../core/namespaces.ts";
import { landlockVersion } from "../core/platform_linux.ts";
import { run } from "../core/run.ts";
import { UNIT } from "../service/installation.ts";
import { ownPaths } from "../settings/own_paths.ts";
import { type Check, type Found, ok, problem, warning } from "./check.ts";
import type { Patient } from "./patient.ts";

const ASKING_MS = 4_000;

/** A service that was restarted so often is not well. */
const MANY_RESTARTS = 5;

/** What keeps the commands of a model from Aeon's own files. */
export const confinement: Check = {
	name: "commands",
	readsState: true,
	async look(patient) {
		const version = landlockVersion();
		const bwrap = patient.program("bwrap") ? "is here" : "is not here";
		const beside = `bubblewrap ${bwrap}, and is not needed`;
		if (version > 0) return [ok(`confined by Landlock ${version}; ${beside}`)];
		const { settings } = await patient.configured();
		const { workspace } = settings.tools;
		const protectedPaths = ownPaths(settings, patient.state);
		if (existsSync(workspace) && existsSync(patient.state)) {
			if (namespaces.works({ workspace, protectedPaths }))
				return [ok(`confined by namespaces; ${beside}`)];
		} else if (existsSync("/usr/bin/unshare"))
			return [ok("confined by namespaces, if this kernel has them")];
		return [
			warning(
				"this system has neither Landlock nor user namespaces: commands can reach Aeon's own files",
				`Use a newer kernel, or leave exec out of the agents' tools. bubblewrap ${bwrap}; Aeon has no use for it.`,
			),
		];
	},
};

/** systemd, and the service that it keeps running. */
export const service: Check = {
	name: "service",
	limitMs: 2 * ASKING_MS + 1_000,
	async look(patient) {
		const { installation, home } = patient.parts;
		const systemctl = patient.program("systemctl");
		if (!patient.has("/run/systemd/system") || !systemctl)
			return [ok("there is no systemd here, as in a container")];
		const asked = await run([systemctl, "--version"], { timeoutMs: ASKING_MS });
		const version = /^systemd (\d+)/.exec(asked.out)?.[1];
		if (version === undefined)
			return [warning("systemd does not answer", `systemctl status ${UNIT}`)];
		if (!installation)
			return [
				ok(
					`systemd ${version}; none is installed: ${patient.command("service install", true)}`,
				),
			];
		const { scope, binary } = installation;
		const option = scope === "user" ? " --user" : "";
		const logs = patient.command(`service logs${option}`, scope === "system");
		const found: Found[] = [];
		if (!existsSync(binary))
			found.push(
				problem(
					`${binary}, which it starts, is gone`,
					patient.command(`service install${option}`, scope === "system"),
				),
			);
		if (installation.home !== home)
			found.push(
				warning(
					`it uses ${installation.home}, and this is about ${home}`,
					`${patient.command("doctor", true)} looks at that one.`,
				),
			);
		const state = await askSystemd(patient, systemctl, scope);
		found.push(...judge(state, scope, `${logs} says why.`));
		if (
			scope === "user" &&
			!patient.has(`/var/lib/systemd/linger/${userName()}`)
		)
			found.push(
				warning(
					"it ends when you log out",
					`sudo loginctl enable-linger ${userName()}`,
				),
			);
		if (found.length > 0) return found;
		const { SubState, NRestarts = "0" } = state;
		const restarts =
			NRestarts === "0" ? "" : `, restarted ${NRestarts} times after a failure`;
		return [ok(`systemd ${version}, ${scope} service, ${SubState}${restarts}`)];
	},
};

/** What an update has left that did not come to its end. */
export const update: Check = {
	name: "update",
	readsState: true,
	look(patient) {
		const { state, parts } = patient;
		const folder = dirname(parts.binary);
		const left = [
			...list(state)
				.filter((name) => ["update.json", "update"].includes(name))
				.map((name) => join(state, name)),
			...list(folder)
				.filter((name) => name.startsWith(".aeon.new-"))
				.map((name) => join(folder, name)),
		];
		if (left.length === 0) return [ok("none is unfinished")];
		return [
			warning(
				`one has not come to its end: ${left.join(", ")}`,
				`Unless one runs now, run ${patient.command("update", parts.installation?.scope === "system")} once more; it puts that right.`,
			),
		];
	},
};

/** What systemd knows of the service, by the names of its properties. */
async function askSystemd(
	{ parts }: Patient,
	systemctl: string,
	scope: "system" | "user",
): Promise<Record<string, string>> {
	const properties =
		"LoadState,UnitFileState,ActiveState,SubState,NRestarts,NeedDaemonReload";
	const { out } = await run(
		[systemctl, `--${scope}`, "show", UNIT, `--property=${properties}`],
		{
			timeoutMs: ASKING_MS,
			env: { XDG_RUNTIME_DIR: `/run/user/${parts.uid}` },
		},
	);
	return Object.fromEntries(
		out.split("\n").flatMap((line) => {
			const [key = "", ...value] = line.split("=");
			return key ? [[key, value.join("=")]] : [];
		}),
	);
}

function judge(
	state: Record<string, string>,
	scope: "system" | "user",
	hint: string,
): Found[] {
	const { ActiveState, UnitFileState, NeedDaemonReload, NRestarts } = state;
	const systemctl = scope === "user" ? "systemctl --user" : "sudo systemctl";
	const found: Found[] = [];
	if (!ActiveState)
		return [warning("systemd does not answer", `${systemctl} status ${UNIT}`)];
	if (ActiveState === "failed" || Number(NRestarts) >= MANY_RESTARTS)
		found.push(
			problem(
				ActiveState === "failed"
					? "it has failed"
					: `it was restarted ${NRestarts} times after a failure`,
				hint,
			),
		);
	else if (ActiveState === "inactive")
		found.push(warning("it does not run", `${systemctl} start ${UNIT}`));
	if (UnitFileState && UnitFileState !== "enabled")
		found.push(
			warning(
				`it is ${UnitFileState}: it does not start with the machine`,
				`${systemctl} enable ${UNIT}`,
			),
		);
	if (NeedDaemonReload === "yes")
		found.push(warning("its unit was changed", `${systemctl} daemon-reload`));
	return found;
}

function userName(): string {
	return userInfo().username;
}

/** The names in a folder; none where it cannot be read. */
function list(folder: string): string[] {
	try {
		return readdirSync(folder);
	} catch {
		return [];
	}
}
