// Writing what was composed: checked first as `aeon serve` will read it, then put in place whole.

import {
	chmodSync,
	constants,
	copyFileSync,
	existsSync,
	readFileSync,
	realpathSync,
	renameSync,
	rmSync,
} from "node:fs";
import { AeonError, describeError, hasCode } from "../core/errors.ts";
import { writeJsonFile } from "../core/json_file.ts";
import { writeSecrets } from "../core/secrets_file.ts";
import { openStateDirectory } from "../core/state.ts";
import type { Settings } from "../settings/schema.ts";
import { readSettings } from "../settings/settings.ts";
import { type Composition, takeOutSecrets } from "./configuration.ts";
import { type Destination, type Earlier, withRights } from "./earlier.ts";

/** What was written beside the two files. */
export interface Written {
	/** Where the earlier aeon.json lies now. */
	backup?: string;
	/** The variables of secrets that stood in aeon.json themselves. */
	moved: string[];
	settings: Settings;
}

/**
 * Writes configuration and secrets. Throws `config_invalid`, with nothing written, where `aeon serve` would refuse them,
 * and `storage_failed` where the disk does; `check` may refuse them, too.
 */
export async function writeSetup(
	place: Destination,
	{ env, isThere, isBroken }: Earlier,
	composed: Composition,
	check: (settings: Settings) => void,
): Promise<Written> {
	const file = existsSync(place.file) ? realpathSync(place.file) : place.file;
	openStateDirectory(place.state);
	const draft = `${file}.${crypto.randomUUID()}.tmp`;
	let { config } = composed;
	const secrets = { ...composed.secrets };
	const read = async () => {
		await writeJsonFile(draft, config);
		const { settings } = await readSettings({
			...place,
			// What the environment has wins, as it will later.
			env: { ...env, ...secrets, ...onlySet(place.env) },
			configFlag: draft,
			place: place.file,
			needs: "everything",
		});
		return settings;
	};
	try {
		let settings = await read();
		const taken = takeOutSecrets(config, settings, {
			...env,
			...secrets,
		});
		const moved = Object.keys(taken.secrets);
		if (moved.length > 0) {
			config = taken.config;
			Object.assign(secrets, taken.secrets);
			settings = await read();
		}
		check(settings);
		const backup = keepEarlier(place, file, draft);
		if (Object.keys(secrets).length > 0)
			await withRights(place, () => writeSecrets(place.secretsFile, secrets));
		renameSync(draft, file);
		return { settings, moved, ...(backup !== undefined && { backup }) };
	} catch (error) {
		if (hasCode(error, "config_invalid") && isThere && !isBroken)
			throw new AeonError(error.code, error.message, {
				hint: [error.hint, wayOut(place.file)].filter(Boolean).join("\n"),
				cause: error,
			});
		if (error instanceof AeonError) throw error;
		throw new AeonError(
			"storage_failed",
			`${file} cannot be written, and is as it was: ${describeError(error)}`,
			{ cause: error },
		);
	} finally {
		rmSync(draft, { force: true });
	}
}

function wayOut(file: string): string {
	return `Nothing was written. Correct that in ${file}, or move the file away (mv ${file} ${file}.old), and do this once more.`;
}

/** Copies the earlier configuration to a name that is free; where that is, unless nothing changes. */
function keepEarlier(
	place: Destination,
	file: string,
	draft: string,
): string | undefined {
	if (!existsSync(file)) return undefined;
	if (readFileSync(file).equals(readFileSync(draft))) return undefined;
	for (let count = 0; ; count++) {
		const backup = `${place.file}.bak${count === 0 ? "" : `.${count}`}`;
		try {
			copyFileSync(file, backup, constants.COPYFILE_EXCL);
		} catch (error) {
			if (error instanceof Error && "code" in error && error.code === "EEXIST")
				continue;
			throw error;
		}
		chmodSync(backup, 0o600);
		return backup;
	}
}

function onlySet(
	env: Record<string, string | undefined>,
): Record<string, string> {
	return Object.fromEntries(
		Object.entries(env).flatMap(([name, value]) =>
			value ? [[name, value]] : [],
		),
	);
}
