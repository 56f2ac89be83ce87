// The configuration of a running server, read again: what of it can come in force, and what is said of it.

import { checkExposure } from "./app_listening.ts";
import { AeonError } from "./core/errors.ts";
import { keepRestartKeys } from "./settings/reload.ts";
import type { Settings } from "./settings/schema.ts";
import {
	type Reading,
	readSettings,
	type SettingsRequest,
} from "./settings/settings.ts";

/** What reading it again has come to. */
export interface Rereading {
	/** What can be in force from now on. */
	reading: Reading;
	/** What has changed and needs a restart, as the keys of aeon.json. */
	restartKeys: string[];
}

/** Reads the configuration in place of an old one. Throws `config_invalid` where that one has to stay in force. */
export async function readAgain(
	request: SettingsRequest,
	old: Settings,
): Promise<Rereading> {
	const next = await readSettings(request);
	// An editor that saves by renaming takes it away for a moment; nobody wants the demo for that.
	if (old.file && !next.settings.file)
		throw new AeonError("config_invalid", `${old.file} is gone`);
	checkExposure(next.settings);
	const { settings, restartKeys } = keepRestartKeys(next.settings, old);
	checkExposure(settings);
	return { reading: { ...next, settings }, restartKeys };
}

/** The sentence for the operator. */
export function describeReload(
	{ file }: Settings,
	restartKeys: string[],
): string {
	const done = `${file ?? "The configuration"} is in force.`;
	return restartKeys.length === 0
		? done
		: `${done} Only a restart changes ${restartKeys.join(", ")}.`;
}
