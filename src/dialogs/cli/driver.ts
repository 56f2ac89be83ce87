import type { CliDialog, CliOptions } from "./cli.ts";

/** The terminal: opened by `aeon chat`, not by aeon.json. What it needs is loaded only then. */
export const cli = {
	async open(options: CliOptions): Promise<CliDialog> {
		const { openTerminal } = await import("./cli.ts");
		return openTerminal(options);
	},
};
