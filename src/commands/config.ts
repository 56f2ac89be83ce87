import { defineCommand } from "citty";
import { print } from "../core/terminal.ts";
import { settingsJsonSchema } from "../settings/schema.ts";
import { loadSettings, readSettings } from "../settings/settings.ts";
import { showSettings } from "../settings/show.ts";
import { configFlag, surroundings } from "./options.ts";

const checkConfig = defineCommand({
	meta: {
		name: "check",
		description: "Say whether the configuration can be used",
	},
	args: configFlag,
	async run({ args }) {
		const settings = await loadSettings({
			...surroundings(),
			configFlag: args.config,
			needs: "everything",
		});
		const { checkExposure } = await import("../app_listening.ts");
		checkExposure(settings);
		const agents = Object.entries(settings.agents)
			.map(([id, { provider, model }]) => `${id} (${provider}/${model})`)
			.join(", ");
		print(
			`${settings.file ?? "No configuration file; the defaults"}: good. Agents: ${agents}.\n`,
		);
		if (settings.notice) print(`${settings.notice}\n`);
	},
});

const show = defineCommand({
	meta: {
		name: "show",
		description: "Print the configuration with every default, secrets as ***",
	},
	args: configFlag,
	async run({ args }) {
		const reading = await readSettings({
			...surroundings(),
			configFlag: args.config,
			needs: "nothing",
		});
		print(`${JSON.stringify(showSettings(reading), undefined, 2)}\n`);
	},
});

const schema = defineCommand({
	meta: { name: "schema", description: "Print the JSON Schema of aeon.json" },
	args: {},
	run() {
		print(`${JSON.stringify(settingsJsonSchema(), undefined, 2)}\n`);
	},
});

/** `aeon config`: what aeon.json says, and whether it can be used. */
export const config = defineCommand({
	meta: { name: "config", description: "Check and show the configuration" },
	subCommands: { check: checkConfig, show, schema },
});
