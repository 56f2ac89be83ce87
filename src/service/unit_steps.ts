// The steps that a service of the machine and a user's own have in common.

import { dirname } from "node:path";
import { AeonError, describeError } from "../core/errors.ts";
import { UNIT } from "./installation.ts";
import { isBooted, type Systemd, systemd } from "./machine.ts";
import { makeFolders, removeEmpty, replacement } from "./moving.ts";
import type { Step } from "./steps.ts";

/** Of what a service wrote that does not start, so many lines are shown. */
const JOURNAL_LINES = 20;

/** What cannot go on has mostly ended by then. */
const SOON_MS = 3_000;

/** Copies the program to its place, where anybody may run it. */
export function copyBinary(program: string, binary: string): Step {
	const file = replacement(binary);
	let made: string[] = [];
	return {
		title: `Copy ${program} to ${binary}`,
		async run() {
			made = makeFolders(dirname(binary), 0o755);
			await file.put({ copyOf: program }, 0o755);
		},
		undo() {
			file.undo();
			removeEmpty(made);
		},
		settled: file.keep,
	};
}

/** Writes the unit's file. */
export function writeUnit(path: string, text: string, control: Systemd): Step {
	const file = replacement(path);
	return {
		title: `Write ${path}`,
		async run() {
			await file.put({ text }, 0o644);
			await reload(control);
		},
		async undo() {
			file.undo();
			await reload(control);
		},
		settled: file.keep,
	};
}

/** Has systemd start it whenever it starts itself. */
export function enable(control: Systemd, isEnabled: boolean): Step {
	return {
		title: "Have it start with the machine",
		run: async () => void (await control.control("enable", "--quiet", UNIT)),
		async undo() {
			if (!isEnabled) await control.control("disable", "--quiet", UNIT);
		},
	};
}

/** Starts it, and waits until it is ready; where it is not, what it wrote is in the error. */
export function start(control: Systemd, isRestart: boolean): Step {
	return {
		title: isRestart
			? "Start it anew and wait until it is ready"
			: "Start it and wait until it is ready",
		async run(signal) {
			try {
				await systemd(control.scope, signal).control("restart", UNIT);
				await checkRuns(control);
			} catch (error) {
				signal?.throwIfAborted();
				const journal = await control.journal(JOURNAL_LINES).catch(() => "");
				throw new AeonError(
					"conflict",
					`The service did not become ready: ${describeError(error)}\nThe last that it wrote:\n${journal}`,
					{ cause: error },
				);
			}
		},
		async undo() {
			await control.control("stop", UNIT);
			await control.control("reset-failed", UNIT).catch(() => {});
		},
	};
}

/** Throws `conflict` where it was ready and has ended soon after, as with a database that it cannot use. */
async function checkRuns(control: Systemd): Promise<void> {
	await new Promise((resolve) => setTimeout(resolve, SOON_MS));
	const asked = ["show", UNIT, "--property=ActiveState,NRestarts"];
	const lines = (await control.control(...asked)).trim().split("\n");
	if (!lines.includes("ActiveState=active") || !lines.includes("NRestarts=0"))
		throw new AeonError("conflict", "it has ended again");
}

/** Tells systemd that units have changed, where it runs. */
async function reload(control: Systemd): Promise<void> {
	if (isBooted()) await control.control("daemon-reload");
}
