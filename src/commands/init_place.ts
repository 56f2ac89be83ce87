// Where `aeon init` writes, and how this program is called.

import { lstatSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { AeonError } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import {
	findInstallation,
	type Installation,
} from "../service/installation.ts";
import type { Destination } from "../setup/earlier.ts";
import type { Owner } from "../setup/rights.ts";
import { surroundings } from "./options.ts";

/**
 * Where things go: for root into the service of this machine where one is installed, since that is the Aeon that runs;
 * else, and with `--config`, into the state directory of whoever calls. `service` is the one that runs on it; `besideServiceOf`
 * is the user of one that runs on something else, where the person named no place of their own. Throws `usage`.
 */
export function findPlace(config: string | undefined): {
	place: Destination;
	service: Installation | undefined;
	besideServiceOf: string | undefined;
} {
	const here = surroundings();
	if (!isAbsolute(here.home))
		throw new AeonError("usage", `HOME is ${here.home}, and no whole path`);
	const isRoot = process.getuid?.() === 0;
	const service = findInstallation(here.home);
	const isOfService = service?.scope === "system" && isRoot && !config;
	const home = isOfService ? service.home : here.home;
	const state = stateDirectory(home);
	const named = config || (isOfService ? undefined : here.env.AEON_CONFIG);
	const rootSecrets = isOfService ? service.secrets : undefined;
	const owner = isRoot ? otherOwner([home, state]) : undefined;
	const place = {
		home,
		state,
		cwd: here.cwd,
		// Variables of root's are none of the service's.
		env: isOfService ? {} : here.env,
		file: named ? resolve(here.cwd, named) : join(state, "aeon.json"),
		secretsFile: rootSecrets ?? join(state, "secrets.env"),
		hasRootSecrets: rootSecrets !== undefined,
		...(owner && { owner }),
	};
	const counts = isOfService || service?.scope === "user";
	return {
		place,
		service: counts ? service : undefined,
		besideServiceOf: counts || named ? undefined : service?.user,
	};
}

/** How this program is called: by its name where every shell finds it, else by its path; from source by both. */
export function programName(cwd: string): string {
	const { execPath } = process;
	const name = execPath.slice(execPath.lastIndexOf("/") + 1);
	const folder = execPath.slice(0, -name.length - 1);
	if (/^bun\b/.test(name)) return `bun ${process.argv[1] ?? "src/main.ts"}`;
	if (["/usr/local/bin", "/usr/bin", "/bin"].includes(folder)) return name;
	return folder === cwd ? `./${name}` : execPath;
}

/** The first owner of one of these folders who is not root. */
function otherOwner(folders: string[]): Owner | undefined {
	return folders
		.flatMap((path) => lstatSync(path, { throwIfNoEntry: false }) ?? [])
		.find(({ uid }) => uid !== 0);
}
