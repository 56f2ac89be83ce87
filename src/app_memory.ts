// What is remembered, as agents, tools and clients use it: facts, and what was said in a user's sessions.

import type { Logger } from "./core/logger.ts";
import { ownerOf, type UserMemory } from "./core/memory.ts";
import type { Memory } from "./memory/memory.ts";
import { openMemory } from "./memory/open.ts";
import type { Settings } from "./settings/schema.ts";
import type { SessionStore } from "./storage/store.ts";

/** The memory of a running Aeon. */
export interface AppMemory {
	facts: Memory;
	/** What the user of a session may see and change. */
	of(sessionKey: string): UserMemory;
	/** The same where the model is shown what matches a message without asking; undefined where that is switched off. */
	recall(sessionKey: string): UserMemory | undefined;
}

/** What a memory is made with. */
export interface MemoryParts {
	/** Those in force, from when a session is asked about. */
	settings(): Settings;
	store: SessionStore;
	logger: Logger;
	/** Nobody else has the facts open: where they are damaged, they go on from a daily backup. */
	isServing: boolean;
}

/** The memory of these settings. Opens nothing yet. */
export function createMemory(
	{ database, embeddings }: Settings["memory"],
	{ settings, store, logger, isServing }: MemoryParts,
): AppMemory {
	const backups = async () => {
		const { factBackups } = await import("./app_backup.ts");
		return factBackups(settings());
	};
	const facts = openMemory(database, { logger, ...(isServing && { backups }) });
	facts.use(embeddings);

	const of = (sessionKey: string): UserMemory => {
		const { sessionKeys, ...owner } = ownerOf(
			sessionKey,
			settings().memory.users,
		);
		return {
			...facts.of(owner),
			searchSessions: (text, limit) =>
				store.searchMessages({ text, sessionKeys, limit }),
		};
	};

	return {
		facts,
		of,
		recall: (sessionKey) =>
			settings().memory.recall ? of(sessionKey) : undefined,
	};
}
