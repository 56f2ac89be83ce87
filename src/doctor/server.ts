// The server of the state directory: whether one runs, and what it says of itself.

import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describeError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import type { Installation } from "../service/installation.ts";
import { type Check, type Found, ok, problem, warning } from "./check.ts";
import type { Patient } from "./patient.ts";

const ANSWER_MS = 3_000;
const MB = 1_000_000;

/** What is looked at of a server's status. */
export interface Status {
	version: string;
	memory: { rssBytes: number };
	storage: { isWell: boolean; problem?: string | undefined };
	dialogs: { name: string; state: string; problem?: string | undefined }[];
	faults: number;
	notices: string[];
}

/** Who serves the state directory. */
export const holder: Check = {
	name: "process",
	readsState: true,
	async look(patient) {
		const { state, parts } = patient;
		const announced = join(state, "serve.json");
		const server = patient.server();
		if (server) {
			const { mtime } = statSync(announced);
			const since = mtime.toISOString().slice(0, 16);
			const { reading } = await patient.configured();
			// What cannot be read may be the same one.
			if (reading && (reading.settings.file ?? "") !== server.config)
				return [
					warning(
						`aeon serve is process ${server.pid}, at ${server.url}, and goes by ${server.config || "no aeon.json"}`,
						`${patient.command("doctor --config FILE")} looks at that one.`,
					),
				];
			return [
				ok(
					`aeon serve is process ${server.pid}, at ${server.url} since ${since}Z`,
				),
			];
		}
		if (!existsSync(announced)) return [ok("aeon serve does not run")];
		const text =
			"aeon serve does not run, and was ended before it could tidy up";
		if (!parts.isRepairing)
			return [
				warning(
					text,
					`${patient.command("doctor --fix")} removes what it left; so does its start.`,
				),
			];
		const isGone = removeStale(patient, announced);
		return [{ ...ok(text), ...(isGone && { fixed: "removed serve.json" }) }];
	},
};

/** What the server answers. */
export const answer: Check = {
	name: "server",
	readsState: true,
	isRemote: true,
	limitMs: 3 * ANSWER_MS,
	async look(patient) {
		const server = patient.server();
		if (!server) return [];
		const { Connection } = await import("../remote/connection.ts");
		try {
			const { connection } = await Connection.open({
				locate: () => server,
				firstMs: ANSWER_MS,
			});
			try {
				return judgeServer(patient, await connection.request("status", {}));
			} finally {
				connection.close();
			}
		} catch (error) {
			return [
				problem(
					`it runs and cannot be talked to: ${describeError(error)}`,
					`Wait if it has just been started; otherwise look into its log, or end it: kill ${server.pid}`,
				),
			];
		}
	},
};

/** All that a status gives cause to say. */
export function judgeServer(
	{ parts }: Patient,
	{ version, memory, storage, dialogs, faults, notices }: Status,
): Found[] {
	const found: Found[] = [];
	if (version !== parts.version)
		found.push(
			warning(
				`it is Aeon ${version}, and this one is ${parts.version}`,
				`Restart it where this one is the newer${restart(parts.installation)}`,
			),
		);
	if (!storage.isWell)
		found.push(problem(storage.problem ?? "its store is not well"));
	for (const { name, state, problem: why } of dialogs)
		if (state === "stopped" || state === "retrying")
			found.push(
				(state === "stopped" ? problem : warning)(
					`${name} is ${state}${why ? `: ${why}` : ""}`,
				),
			);
	if (faults > 0)
		found.push(
			warning(
				`${faults} errors that nobody expected since its start`,
				"Look for fault in its log.",
			),
		);
	found.push(...notices.map((notice) => warning(notice)));
	if (found.length > 0) return found;
	const running = dialogs.map(({ name, state }) => `${name} ${state}`);
	const size = `${Math.round(memory.rssBytes / MB)} MB`;
	return [ok([`it answers: Aeon ${version}, ${size}`, ...running].join(", "))];
}

function restart(installation: Installation | undefined): string {
	if (!installation) return ".";
	const { scope } = installation;
	return `: ${scope === "user" ? "systemctl --user" : "sudo systemctl"} restart aeon`;
}

/** Removes what a server that was ended has left, unless one starts at this moment. */
function removeStale({ lockFile }: Patient, announced: string): boolean {
	const lock = existsSync(lockFile) ? platform.lock(lockFile) : undefined;
	if (!lock && existsSync(lockFile)) return false;
	rmSync(announced, { force: true });
	lock?.release();
	return true;
}
