import { constants, setPriority } from "node:os";
import { resolve } from "node:path";
import { defineCommand } from "citty";
import { AeonError } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import { platform } from "../core/platform.ts";
import { print } from "../core/terminal.ts";
import { configFlag, surroundings } from "./options.ts";
import { withSignals } from "./signals.ts";

/** `aeon backup`: everything but the workspace in one file, also while a server runs. */
export const backup = defineCommand({
	meta: {
		name: "backup",
		description: "Write everything but the workspace into one file",
	},
	args: {
		file: {
			type: "positional",
			description: "The file to be made, such as /media/usb/aeon.tar.gz",
			required: false,
		},
		force: { type: "boolean", description: "Replace the file if it is there" },
		daily: {
			type: "boolean",
			description:
				"Write into backups.directory instead and keep as many as backups.keep says, as aeon serve has it done every day",
		},
		...configFlag,
	},
	async run({ args: { file, force = false, daily = false, config } }) {
		if (daily === (file !== undefined) || (daily && force))
			throw new AeonError(
				"usage",
				"write aeon backup FILE [--force], or aeon backup --daily",
			);
		// It holds what aeon.json holds, keys and all.
		platform.hideProcess();
		if (daily) setPriority(constants.priority.PRIORITY_LOW);
		const state = stateDirectory(surroundings().home);
		const [{ backUp, backUpToday }, { readSettings }] = await Promise.all([
			import("../app_backup.ts"),
			import("../settings/settings.ts"),
		]);
		const reading = await readSettings({
			...surroundings(),
			configFlag: config,
			needs: "storage",
		});
		const stopping = new AbortController();
		const stopped = new AeonError("cancelled", "no backup was made");
		const { value: said } = await withSignals(
			() => stopping.abort(stopped),
			() => {
				const request = {
					reading,
					state,
					now: Date.now(),
					signal: stopping.signal,
				};
				return file === undefined
					? backUpToday(request)
					: backUp(resolve(file), request, { isForced: force });
			},
		);
		print(`${said}\n`);
	},
});
