import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { defineCommand } from "citty";
import type { Restorable } from "../app_restore.ts";
import { AeonError } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import { platform } from "../core/platform.ts";
import { claimState } from "../core/presence.ts";
import { openStateDirectory } from "../core/state.ts";
import { canAsk, print, printable } from "../core/terminal.ts";
import { ask } from "./asking.ts";
import { configFlag, surroundings } from "./options.ts";
import { INTERRUPTED, withSignals } from "./signals.ts";

/** `aeon restore`: everything that a backup has takes its place again, and what was there is kept. */
export const restore = defineCommand({
	meta: {
		name: "restore",
		description: "Put back what aeon backup wrote, and keep what it replaces",
	},
	args: {
		file: {
			type: "positional",
			description: "The file that aeon backup wrote",
			required: true,
		},
		yes: { type: "boolean", description: "Do not ask" },
		...configFlag,
	},
	async run({ args: { file, yes = false, config } }) {
		if (!yes && !canAsk())
			throw new AeonError(
				"usage",
				"nobody can be asked here whether what there is may be replaced: write --yes",
			);
		// It holds what aeon.json holds, keys and all.
		platform.hideProcess();
		const where = surroundings();
		const state = stateDirectory(where.home);
		openStateDirectory(state);
		const claim = await claimState(state);
		const unpacked = join(state, "restoring");
		const clear = () => rmSync(unpacked, { recursive: true, force: true });
		let isReplacing = false;
		const stop = () => {
			// It takes but a moment, and is better finished.
			if (isReplacing) return;
			clear();
			process.exit(INTERRUPTED);
		};
		try {
			await withSignals(stop, async () => {
				const [{ prepareRestore, checkNobodyUses }, { replaceAll }] =
					await Promise.all([
						import("../app_restore.ts"),
						import("../backup/replace.ts"),
					]);
				const found = await prepareRestore({
					path: resolve(file),
					state,
					unpacked,
					surroundings: where,
					configFlag: config,
				});
				print(describePlan(file, found));
				if (!yes && !(await ask("Go on? [y/N] ")))
					return print("Nothing was changed.\n");
				// A person takes time to answer.
				checkNobodyUses(found.replacements);
				isReplacing = true;
				for await (const _ of replaceAll(found.replacements, found.aside));
				print(describeResult(found));
			});
		} finally {
			clear();
			claim.release();
		}
	},
});

/** What is about to be done, as a person reads it. */
function describePlan(
	file: string,
	{ manifest, replaced, added, aside }: Restorable,
): string {
	const list = (head: string, paths: string[]) =>
		[`${head}\n`, ...paths.map((path) => `  ${printable(path)}\n`)].join("");
	return [
		`${printable(file)} is whole. It was made at ${formatTime(manifest.made_at)} by Aeon ${printable(manifest.aeon)}.\n`,
		replaced.length === 0
			? "It replaces nothing.\n"
			: list(`What is there now is moved into ${printable(aside)}:`, replaced),
		added.length === 0
			? ""
			: list("New files outside of the state directory:", added),
	].join("");
}

function describeResult({ manifest, replaced, aside }: Restorable): string {
	const count = manifest.files.length;
	const files = `${count} file${count === 1 ? "" : "s"}`;
	const kept =
		replaced.length === 0 ? "" : ` What was there before is in ${aside}.`;
	return `Restored ${files} of ${formatTime(manifest.made_at)}.${printable(kept)}\n`;
}

/** A time as 2026-11-23 04:15, on the clock of where this runs. */
function formatTime(time: string): string {
	return new Date(time).toLocaleString("sv-SE").slice(0, 16);
}
