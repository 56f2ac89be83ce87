// The dialogs of aeon.json: opened, given what they had left, started.

import type { Aeon } from "./app.ts";
import { steadyClock } from "./core/clock.ts";
import { hasCode } from "./core/errors.ts";
import type { Logger } from "./core/logger.ts";
import { dialogDrivers } from "./settings/dialogs_schema.ts";
import type { Settings } from "./settings/schema.ts";
import { defaultAgent } from "./settings/settings.ts";

/** What dialogs are opened with. */
export interface StartingParts {
	/** The state directory. */
	state: string;
	logger: Logger;
	/** Takes up what the dialogs that are known by then had left, before anything new comes in. */
	resume(): Promise<void>;
}

/** Between two looks for messages that wait in a store that cannot be read. */
const RESUME_PAUSE_MS = 2_000;

/** Opens and starts every dialog that is enabled. None of them waits for its network. */
export async function startDialogs(
	aeon: Aeon,
	{ state, logger, resume }: StartingParts,
): Promise<void> {
	const names = Object.entries(aeon.settings().dialogs).flatMap(
		([name, { enabled }]) => (enabled ? [name] : []),
	);
	const section = (name: string) => aeon.settings().dialogs[name];
	for (const name of names) {
		const provider = await dialogDrivers[name]?.open({
			// The section was checked against the options of this very driver.
			options: () => section(name) as never,
			agent: () => section(name)?.agent ?? mainAgent(aeon.settings()),
			state,
			logger,
			clock: steadyClock,
		});
		if (provider) aeon.addDialog(provider).report({ state: "starting" });
	}
	await resume();
	for (const name of names) {
		const open = aeon.dialogs.get(name);
		await open?.provider.start(open.host);
	}
}

/**
 * Takes up the messages that wait in the store; where it cannot be read, again and again until it can or `stopping`. What
 * nobody expected goes to `fault`.
 */
export async function resumeWaiting(
	aeon: Aeon,
	logger: Logger,
	stopping: AbortSignal,
	fault: (error: unknown) => void,
): Promise<void> {
	if (stopping.aborted) return;
	try {
		let count = 0;
		for (const { host } of aeon.dialogs.values()) count += await host.resume();
		if (count > 0) logger.info("messages.resumed", { count });
	} catch (error) {
		if (!hasCode(error, "storage_failed")) return fault(error);
		logger.warn("messages.wait", { error });
		const again = () => void resumeWaiting(aeon, logger, stopping, fault);
		setTimeout(again, RESUME_PAUSE_MS).unref();
	}
}

function mainAgent({ agents }: Settings): string {
	return defaultAgent(agents);
}
