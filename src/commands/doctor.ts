import { homedir } from "node:os";
import { isAbsolute } from "node:path";
import { isatty } from "node:tty";
import { defineCommand } from "citty";
import { checkExposure } from "../app_listening.ts";
import { listDaily } from "../backup/daily.ts";
import { AeonError } from "../core/errors.ts";
import { SYSTEM_PATH } from "../core/run.ts";
import { print, terminalStyle } from "../core/terminal.ts";
import { VERSION } from "../core/version.ts";
import type { Finding } from "../doctor/check.ts";
import { examine } from "../doctor/doctor.ts";
import { Patient } from "../doctor/patient.ts";
import { formatFinding, formatSummary } from "../doctor/report.ts";
import { MEMORY } from "../memory/schema.ts";
import { findInstallation } from "../service/installation.ts";
import { SESSIONS } from "../storage/migrations.ts";
import { programName } from "./init_place.ts";
import { configFlag, surroundings } from "./options.ts";
import { INTERRUPTED, withSignals } from "./signals.ts";

const STDOUT = 1;

/** `aeon doctor`: what keeps Aeon from working here, and what to do about it. */
export const doctor = defineCommand({
	meta: {
		name: "doctor",
		description: "Look for what keeps Aeon from working, and what to do",
	},
	args: {
		online: {
			type: "boolean",
			description: "Ask every model a tiny question, too, which costs tokens",
		},
		offline: { type: "boolean", description: "Ask nobody over the network" },
		fix: {
			type: "boolean",
			description:
				"Put right what is safe: modes, missing folders, what a kill has left",
		},
		json: { type: "boolean", description: "Print one JSON object" },
		...configFlag,
	},
	async run({ args: { online, offline, fix, json, config } }) {
		if (online && offline)
			throw new AeonError("usage", "--online and --offline do not go together");
		const home = homedir();
		if (!isAbsolute(home))
			throw new AeonError("usage", `HOME is ${home}, and no whole path`);
		const installation = findInstallation(home);
		const patient = new Patient({
			...surroundings(),
			config,
			version: VERSION,
			uid: process.getuid?.() ?? 0,
			asks: { platforms: !offline, models: online ?? false },
			isRepairing: fix ?? false,
			now: Date.now,
			root: "/",
			program: programName(process.cwd()),
			path: SYSTEM_PATH,
			installation,
			binary: installation?.binary ?? process.execPath,
			schemas: { sessions: SESSIONS, facts: MEMORY },
			backups: listDaily,
			review: checkExposure,
		});
		const style = { isTerminal: isatty(STDOUT), ...terminalStyle(process.env) };
		const findings: Finding[] = [];
		await withSignals(
			() => process.exit(INTERRUPTED),
			async () => {
				for await (const finding of examine(patient)) {
					findings.push(finding);
					if (!json) print(formatFinding(finding, style));
				}
			},
		);
		const isWell = findings.every(({ state }) => state !== "problem");
		print(
			json
				? `${JSON.stringify({ ok: isWell, checks: findings })}\n`
				: formatSummary(findings),
		);
		if (!isWell) process.exitCode = 1;
	},
});
