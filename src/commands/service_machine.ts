// Whether `aeon service install` can be done here.

import { AeonError, describeError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import { canAsk } from "../core/terminal.ts";
import { isBooted, systemd, systemdVersion } from "../service/machine.ts";

/** What `aeon service install` was given. */
export interface InstallFlags {
	user: boolean;
	from: string | undefined;
	starts: boolean;
	printsUnit: boolean;
	yes: boolean;
}

/** The version of systemd. Throws where this machine, this process or this program is not what it takes. */
export async function checkMachine({
	user,
	starts,
	yes,
}: InstallFlags): Promise<number> {
	if (process.platform !== "linux")
		throw new AeonError("conflict", "a service takes Linux with systemd");
	if (platform.self().argv.length > 1)
		throw new AeonError(
			"conflict",
			"Aeon runs from its source here, and a service takes a binary",
			{ hint: "Build one with npm run build, and install with that." },
		);
	const isRoot = process.getuid?.() === 0;
	if (!user && !isRoot)
		throw new AeonError("forbidden", "a service of the machine takes root", {
			hint: `Type: sudo ${process.execPath} service install\nOr have one of your own: aeon service install --user`,
		});
	if (user && isRoot)
		throw new AeonError("usage", "--user is for yourself, without sudo");
	if (user && !starts)
		throw new AeonError("usage", "--no-start is for a service of the machine");
	const version = await systemdVersion();
	if (!version || (starts && !isBooted()))
		throw new AeonError("conflict", "systemd does not run this machine", {
			hint:
				version && !user
					? "In a chroot or an image, --no-start installs the service without starting it. In a container, run aeon serve itself."
					: "Have whatever starts services here run: aeon serve",
		});
	if (user) {
		await systemd("user")
			.control("show-environment")
			.catch((error) => {
				throw new AeonError(
					"conflict",
					`your own systemd cannot be reached: ${describeError(error)}`,
					{ hint: "Log in as this user, not by su or sudo." },
				);
			});
	}
	if (!yes && !canAsk())
		throw new AeonError(
			"usage",
			"nobody can be asked here whether this is to be done: write --yes",
		);
	return version;
}
