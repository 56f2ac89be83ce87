// The store that the settings name: opened plainly for a command, and for a server so that it survives its disk.

import { Announcements } from "./agent/announcements.ts";
import type { Logger } from "./core/logger.ts";
import type { Settings } from "./settings/schema.ts";
import * as stores from "./storage/registry.ts";
import type { StoreAccess } from "./storage/reopening.ts";
import { type ResilientStore, resilient } from "./storage/resilient.ts";
import type { SessionStore, StoreDriver } from "./storage/store.ts";

/** A store of a server, and what the people of a session are to be told of how it is. */
export interface ServedStore {
	store: ResilientStore;
	/** Sentences, each once a session. */
	announce(sessionKey: string): string[];
}

/** What a server does about its store. */
export interface ServingParts {
	logger: Logger;
	/** Is told why it cannot be opened, and throws that or something better. */
	refuse(error: unknown): never;
}

/** The kind of store that these settings name, and its options. */
export function storeDriver({ storage }: Settings): {
	driver: StoreDriver;
	options: never;
} {
	const drivers: Record<string, StoreDriver> = stores;
	return {
		driver: drivers[storage.driver] as StoreDriver,
		// The section was checked against the options of this very driver.
		options: storage as never,
	};
}

/** Opens the store alone, for the commands that only read and tidy sessions. */
export function openStore(settings: Settings): Promise<SessionStore> {
	const { driver, options } = storeDriver(settings);
	return driver.open(options);
}

/** The store of a server: opened behind it, and put back from a backup where it is damaged. */
export function serveStore(
	settings: Settings,
	{ logger, refuse }: ServingParts,
): ServedStore {
	const store = resilient({
		open: () => openStore(settings).catch(refuse),
		...recovery(settings),
		now: Date.now,
		onTrouble: (problem) =>
			problem
				? logger.error("store.trouble", { problem })
				: logger.info("store.well"),
	});
	const announcements = new Announcements(() => {
		const { problem } = store.health();
		return [...store.notices(), ...(problem ? [problem] : [])];
	});
	return { store, announce: (key) => announcements.take(key) };
}

/** How a damaged store is put right, where its driver knows a way. */
function recovery(settings: Settings): Pick<StoreAccess, "recover"> {
	const { driver, options } = storeDriver(settings);
	const { recover } = driver;
	if (!recover) return {};
	return {
		async recover(timestamp) {
			const { storeBackups } = await import("./app_backup.ts");
			return recover(options, timestamp, await storeBackups(settings));
		},
	};
}
