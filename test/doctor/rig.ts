// A patient with a home and a machine of its own, for the doctor.

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkExposure } from "../../src/app_listening.ts";
import { listDaily } from "../../src/backup/daily.ts";
import { SYSTEM_PATH } from "../../src/core/run.ts";
import type { Finding } from "../../src/doctor/check.ts";
import { examine } from "../../src/doctor/doctor.ts";
import { Patient, type PatientParts } from "../../src/doctor/patient.ts";
import { MEMORY } from "../../src/memory/schema.ts";
import type { Installation } from "../../src/service/installation.ts";
import { SESSIONS } from "../../src/storage/migrations.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";

/** A patient of this home, on the machine that the test runs on unless it has another one. */
export function patientOf(
	home: string,
	parts: Partial<PatientParts> = {},
): Patient {
	return new Patient({
		env: {},
		cwd: home,
		home,
		version: "1.0.0",
		uid: process.getuid?.() ?? 0,
		asks: { platforms: false, models: false },
		isRepairing: false,
		now: Date.now,
		root: "/",
		program: "aeon",
		path: SYSTEM_PATH,
		installation: undefined,
		binary: join(home, "bin", "aeon"),
		schemas: { sessions: SESSIONS, facts: MEMORY },
		backups: listDaily,
		review: checkExposure,
		...parts,
	});
}

/** The service of a whole machine that has this home. */
export function serviceOf(
	home: string,
	more: Partial<Installation> = {},
): Installation {
	return {
		scope: "system",
		unit: "/etc/systemd/system/aeon.service",
		binary: "/bin/sh",
		home,
		notes: {},
		...more,
	};
}

/** Everything that is found. */
export async function examineAll(patient: Patient): Promise<Finding[]> {
	return Array.fromAsync(examine(patient));
}

/** What is found under one name, each as `state: text`. */
export async function foundOf(
	name: string,
	patient: Patient,
): Promise<string[]> {
	const found = await examineAll(patient);
	return found
		.filter((one) => one.name === name)
		.map(({ state, text }) => `${state}: ${text}`);
}

/** A folder with these files in it, by their paths: a machine to be looked at. Those that begin with `#!` can be run. */
export function machineOf(
	files: Record<string, string | Uint8Array>,
): TemporaryFolder {
	const folder = temporaryFolder();
	for (const [path, content] of Object.entries(files)) {
		const file = join(folder.path, path);
		mkdirSync(dirname(file), { recursive: true });
		writeFileSync(file, content);
		if (String(content).startsWith("#!")) chmodSync(file, 0o755);
	}
	return folder;
}
