// What a server has before it listens: its configuration, its state directory for itself, and what an update asks of it.

import { checkExposure } from "./app_listening.ts";
import type { Trial } from "./app_trial.ts";
import type { LogLevel } from "./core/logger.ts";
import { stateDirectory } from "./core/paths.ts";
import { type Claim, claimState } from "./core/presence.ts";
import { openStateDirectory } from "./core/state.ts";
import {
	type Reading,
	readSettings,
	type SettingsRequest,
} from "./settings/settings.ts";
import { isUpdating } from "./update/journal.ts";

/** How `aeon serve` was called. */
export interface ServeRequest {
	/** How the configuration is read, now and at every reload. */
	settings: SettingsRequest;
	logLevel: LogLevel;
	/** Shows a line to the operator. */
	say(line: string): void;
	/** Has this server ended and its program begun anew, which an update may have replaced. */
	restart?(): void;
	/** The state directory, where it is not the one of the home. */
	state?: string;
	/** What it has to pass first, where that is not for an update to say. */
	trial?: Trial;
}

/** What a server begins with. */
export interface Claimed {
	reading: Reading;
	state: string;
	claim: Claim;
	trial: Trial;
}

/** Makes sure that this process may serve. Throws `config_invalid`, `conflict` and `storage_failed`. */
export async function claimServing(request: ServeRequest): Promise<Claimed> {
	const { home, env } = request.settings;
	const state = request.state ?? stateDirectory(home);
	const updates = isUpdating(state) && (await import("./app_trial.ts"));
	const { restart = () => {} } = request;
	let claim: Claim | undefined;
	try {
		if (updates) {
			// Before anything that may fail, but for another server that runs: then this is no start.
			claim = await claimState(state);
			await updates.countAttempt(state);
		}
		const reading = await readSettings(request.settings);
		const { settings } = reading;
		checkExposure(settings);
		openStateDirectory(state);
		claim ??= await claimState(state);
		const trial = updates
			? await updates.enterTrial({ state, settings, env, restart })
			: (request.trial ?? {});
		return { reading, state, claim, trial };
	} catch (error) {
		claim?.release();
		throw error;
	}
}
