// The configuration as a service will read it, and what of it the service's user can use.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { AeonError, describeError, hasCode } from "../core/errors.ts";
import { isWithin, stateDirectory } from "../core/paths.ts";
import { readSecrets, SECRETS_FILE } from "../core/secrets_file.ts";
import { SYSTEM } from "../service/installation.ts";
import { obstacle, type Somebody } from "../service/reachable.ts";
import { isBound, type Outside } from "../service/unit.ts";
import type { Settings } from "../settings/schema.ts";
import { readSettings } from "../settings/settings.ts";
import { storePlace } from "../settings/store_place.ts";

/** What is read. */
interface ServiceSettings {
	/** Whose state directory it is read from. */
	home: string;
	/** Whose it is going to be: then what `~` stands for lies there, and is not looked for yet. */
	future?: string;
	/** All that the service has beside the secrets file of that state directory. */
	env: Record<string, string>;
	/** Where its keys belong; into that secrets file where left out. */
	secrets?: string | undefined;
}

/** A user whom no file belongs to: one that is made only later. */
const NOBODY: Somebody = { uid: -1, gid: -1 };

/** Of a problem that is mended by a variable. */
const UNSET = /\$\{\w+\} is not set/;

/** The settings with nothing of this process's environment. Throws `config_invalid` where a service could not start with them. */
export async function readForService({
	home,
	future = home,
	env,
	secrets = join(stateDirectory(home), SECRETS_FILE),
}: ServiceSettings): Promise<Settings> {
	const file = join(stateDirectory(home), "aeon.json");
	const place = join(stateDirectory(future), "aeon.json");
	try {
		const { settings } = await readSettings({
			env,
			cwd: future,
			home: future,
			configFlag: file,
			place,
			needs: future === home ? "everything" : "nothing",
		});
		const { checkExposure } = await import("../app_listening.ts");
		checkExposure(settings);
		return settings;
	} catch (error) {
		if (!hasCode(error, "config_invalid")) throw error;
		// It lies where it always did.
		const text = describeError(error).replaceAll(place, file);
		const cure = UNSET.test(text)
			? `A service has none of your shell's variables: keys belong into ${secrets}, a line NAME=value each.`
			: "Mend that, and install once more.";
		throw new AeonError("config_invalid", text, {
			cause: error,
			hint: `Nothing was done. ${cure}`,
		});
	}
}

/**
 * What aeon.json names outside of the state directory, once that is the service's, and what the service's user cannot use of
 * it. Throws `config_invalid` where it names the present place of what moves.
 */
export async function outsideOf(
	home: string,
	env: Record<string, string>,
	who: Somebody = NOBODY,
): Promise<{ outside: Outside; remarks: string[] }> {
	const own = join(stateDirectory(home), SECRETS_FILE);
	const settings = await readForService({
		...{ home, future: SYSTEM.home },
		env: { ...(existsSync(own) && readSecrets(own)), ...env },
	});
	const { written, read } = places(settings);
	const moves = home !== SYSTEM.home;
	const left = [...written, ...read].find(
		(path) => moves && isWithin(path, stateDirectory(home)),
	);
	if (left)
		throw new AeonError(
			"config_invalid",
			`aeon.json names ${left}, which moves into ${stateDirectory(SYSTEM.home)}`,
			{ hint: "Write ~/.aeon/… for it, which is right in both places." },
		);
	const isOutside = (path: string) =>
		!isWithin(path, stateDirectory(SYSTEM.home));
	const outside = {
		written: [...new Set(written.filter(isOutside))],
		read: [...new Set(read.filter(isOutside))],
	};
	const remark = (path: string, isWritten: boolean) => {
		const what = obstacle(path, who, { isWritten, isBound: isBound(path) });
		if (what === undefined) return [];
		const word = /^[\w@%+=:,./-]+$/.test(path)
			? path
			: `'${path.replaceAll("'", "'\\''")}'`;
		const cure = isWritten
			? `sudo install -d -o ${SYSTEM.user} -g ${SYSTEM.user} ${word}`
			: `chmod o+r ${word}`;
		return [
			`Mind: ${path} ${what} for the user ${SYSTEM.user}. Once the service is installed: ${cure}`,
		];
	};
	return {
		outside,
		remarks: [
			...outside.written.flatMap((path) => remark(path, true)),
			...outside.read.flatMap((path) => remark(path, false)),
		],
	};
}

/** The folders that Aeon writes into by these settings, and the files that it reads. */
function places(settings: Settings): Outside {
	const { log_file_path: log, memory, backups, tools, agents } = settings;
	const { driver, path } = storePlace(settings);
	return {
		// Of a file its folder: beside it lie older logs, or what SQLite keeps there.
		written: [
			dirname(log),
			driver === "file" ? path : dirname(path),
			dirname(memory.database),
			backups.directory,
			tools.workspace,
		],
		read: Object.values(agents).flatMap(
			({ system_prompt_file: file }) => file ?? [],
		),
	};
}
