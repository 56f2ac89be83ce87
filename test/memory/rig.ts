// A memory in a temporary folder, with or without an endpoint.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogFields, Logger } from "../../src/core/logger.ts";
import type { Owner } from "../../src/core/memory.ts";
import type { EmbeddingOptions, Memory } from "../../src/memory/memory.ts";
import { type MemoryParts, openMemory } from "../../src/memory/open.ts";

/** Two people who must not know of each other. */
export const ANNA: Owner = { agentId: "main", user: "telegram:777" };
export const BEN: Owner = { agentId: "main", user: "telegram:778" };

/** Is never aborted. */
export const STAYS = new AbortController().signal;

/** A memory in a folder of its own. */
export interface Rig extends AsyncDisposable {
	memory: Memory;
	folder: string;
	path: string;
	logger: Logger;
	/** What was logged: the event's name, and what is said of it. */
	log: [event: string, fields: LogFields | undefined][];
	/** The texts of what is found for an owner. */
	find(text: string, owner?: Owner): Promise<string[]>;
	/** Saves what is to be known for an owner. */
	know(texts: readonly string[], owner?: Owner): Promise<void>;
	/** Closes the memory and opens it again. */
	reopen(): Promise<void>;
}

export function openRig(parts: Omit<MemoryParts, "logger"> = {}): Rig {
	const folder = mkdtempSync(join(tmpdir(), "aeon-memory-"));
	const path = join(folder, "state", "memory.db");
	const log: Rig["log"] = [];
	const note = (event: string, fields?: LogFields) =>
		void log.push([event, fields]);
	const logger: Logger = {
		debug: note,
		info: note,
		warn: note,
		error: note,
		hide() {},
		close() {},
	};
	const open = () => openMemory(path, { logger, ...parts });
	const rig: Rig = {
		memory: open(),
		folder,
		path,
		logger,
		log,
		find: async (text, owner = ANNA) =>
			(await rig.memory.of(owner).search(text, 10, STAYS)).map(
				(fact) => fact.text,
			),
		async know(texts, owner = ANNA) {
			for (const text of texts) await rig.memory.of(owner).save(text);
		},
		async reopen() {
			await rig.memory.close();
			rig.memory = open();
		},
		async [Symbol.asyncDispose]() {
			await rig.memory.close();
			rmSync(folder, { recursive: true, force: true });
		},
	};
	return rig;
}

/** The section `memory.embeddings` for a fake. */
export function endpoint(
	url: string,
	changes: Partial<EmbeddingOptions> = {},
): EmbeddingOptions {
	return { base_url: url, model: "small", send_dimensions: false, ...changes };
}

/** Waits until no fact waits for its vector. */
export async function settled(memory: Memory): Promise<void> {
	await until(async () => (await memory.state()).waiting === 0);
}

/** Waits for a condition; fails after ten seconds. */
export async function until(
	isSo: () => boolean | Promise<boolean>,
): Promise<void> {
	const deadline = Date.now() + 10_000;
	while (!(await isSo())) {
		if (Date.now() > deadline) throw new Error("it never came to pass");
		await Bun.sleep(2);
	}
}
