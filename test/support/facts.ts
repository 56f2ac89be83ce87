import { join } from "node:path";
import { silent } from "../../src/core/logger.ts";
import type { Owner } from "../../src/core/memory.ts";
import { pause } from "../../src/core/pause.ts";
import type { EmbeddingOptions, OwnedFact } from "../../src/memory/memory.ts";
import { openMemory } from "../../src/memory/open.ts";

/** Of facts saved one after the other: when the first one was. */
export const FIRST_AT = Date.UTC(2026, 0, 2, 3, 4);

const MINUTE = 60_000;

/** Where a home keeps its facts. */
export function memoryFile(home: string): string {
	return join(home, ".aeon", "memory.db");
}

/** Has facts remembered in a home that nothing runs in, one a minute; gives them as they lie there, the oldest first. With an endpoint they can be found by their meaning, too. */
export async function rememberFacts(
	home: string,
	facts: readonly (Owner & { text: string })[],
	database = memoryFile(home),
	embeddings?: EmbeddingOptions,
): Promise<OwnedFact[]> {
	let now = FIRST_AT - MINUTE;
	const memory = openMemory(database, {
		logger: silent,
		now: () => now,
	});
	memory.use(embeddings);
	const saved: OwnedFact[] = [];
	for (const { text, ...owner } of facts) {
		now += MINUTE;
		const { fact } = await memory.of(owner).save(text);
		saved.push({ ...fact, ...owner });
	}
	while ((await memory.state()).waiting > 0) await pause(10);
	await memory.close();
	return saved;
}
