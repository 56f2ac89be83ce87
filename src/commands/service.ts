import { homedir } from "node:os";
import { defineCommand } from "citty";
import { AeonError } from "../core/errors.ts";
import {
	findInstallation,
	findUserInstallation,
	type Installation,
} from "../service/installation.ts";

const userFlag = {
	user: {
		type: "boolean",
		description: "Your own service, not that of the whole machine",
	},
} as const;

const yesFlag = {
	yes: { type: "boolean", description: "Do not ask" },
} as const;

const install = defineCommand({
	meta: {
		name: "install",
		description: "Have systemd run Aeon, also after a restart of the machine",
	},
	args: {
		...userFlag,
		from: {
			type: "string",
			description: "Whose state the service gets; yours where left out",
			valueHint: "HOME",
		},
		"no-start": {
			type: "boolean",
			description: "Install it without starting it, as in a chroot",
		},
		"print-unit": { type: "boolean", description: "Show the whole unit, too" },
		...yesFlag,
	},
	async run({ args }) {
		const { install } = await import("./service_install.ts");
		await install({
			user: args.user ?? false,
			from: args.from,
			// citty reads --no-start as a start that is false.
			starts: !("start" in args),
			printsUnit: args["print-unit"] ?? false,
			yes: args.yes ?? false,
		});
	},
});

const uninstall = defineCommand({
	meta: {
		name: "uninstall",
		description: "Remove the service, and give its state back",
	},
	args: { ...userFlag, ...yesFlag },
	async run({ args }) {
		const installed = installedService(
			args.user,
			args.user ? "" : "A user's own is removed by that user, without sudo.",
		);
		const { uninstall } = await import("./service_uninstall.ts");
		await uninstall(installed, args.yes ?? false);
	},
});

const status = defineCommand({
	meta: { name: "status", description: "Show how the service is" },
	args: userFlag,
	async run({ args }) {
		const installed = installedService(args.user);
		const { showStatus } = await import("./service_status.ts");
		process.exitCode = await showStatus(installed);
	},
});

const logs = defineCommand({
	meta: { name: "logs", description: "Show what the service has said" },
	args: {
		lines: {
			type: "string",
			description: "So many of the last lines; 50 where left out",
			valueHint: "N",
		},
		follow: { type: "boolean", description: "And what it says from now on" },
		...userFlag,
	},
	async run({ args: { lines = "50", follow = false, user } }) {
		const installed = installedService(user);
		if (!/^\d+$/.test(lines))
			throw new AeonError("usage", `--lines ${lines}: write a number`);
		const { showLogs } = await import("./service_journal.ts");
		await showLogs(installed, lines, follow);
	},
});

/** `aeon service`: Aeon as a service of systemd. */
export const service = defineCommand({
	meta: { name: "service", description: "Have systemd run Aeon" },
	subCommands: { install, uninstall, status, logs },
});

/** The service that is meant. Throws `not_found` where there is none. */
function installedService(
	isUser = false,
	hint = `Install it with ${isUser ? "aeon service install --user" : "sudo aeon service install"}.`,
): Installation {
	const find = isUser ? findUserInstallation : findInstallation;
	const found = find(homedir());
	if (!found)
		throw new AeonError("not_found", "no service of Aeon is installed", {
			hint,
		});
	return found;
}
