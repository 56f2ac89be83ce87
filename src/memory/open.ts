// The memory as its port has it, made of the file of facts and of what tells their meaning.

import { type Clock, steadyClock } from "../core/clock.ts";
import { AeonError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Fact } from "../core/memory.ts";
import type { DatabaseBackup } from "../database/recovery.ts";
import { MemoryFile } from "./file.ts";
import { Meaning } from "./meaning.ts";
import type { Memory, OwnedFact } from "./memory.ts";
import { isOwner, type Scope } from "./scope.ts";
import { searchFacts } from "./search.ts";

/** A fact is a sentence, not a document. */
const MAX_FACT_LENGTH = 2_000;

/** What a memory is opened with. */
export interface MemoryParts {
	logger: Logger;
	/** Milliseconds since 1970. */
	now?(): number;
	/** For what waits. */
	clock?: Clock;
	/**
	 * What a damaged file is put right with, the backup to be tried first at the beginning. Only for whoever has the file
	 * alone: without it a damaged file stays as it is, and everything throws `storage_failed`.
	 */
	backups?(): Promise<readonly DatabaseBackup[]>;
}

/** The memory in a database file, which is not touched before somebody asks. Until it is told to `use` an endpoint, words are all it goes by. */
export function openMemory(
	path: string,
	{ logger, now = Date.now, clock = steadyClock, backups }: MemoryParts,
): Memory {
	let meaning: Meaning | undefined;
	// Of what a backup has, something may still wait for its meaning.
	const repaired = () => meaning?.saved();
	const repair = backups && { backups, repaired };
	const file = new MemoryFile(path, logger, now, repair);
	/** Endpoints that are no longer in use, until they have ended. */
	let ending: Promise<void> = Promise.resolve();
	let isClosed = false;

	const forget = async (id: number, scope: Scope): Promise<boolean> => {
		// Looking first keeps a file from being made that nothing is in.
		const isThere = await file.read(
			({ facts }) => facts.get([id], scope).length,
		);
		if (!isThere) return false;
		const fact = await file.write(({ facts, vectors }) => {
			const gone = facts.delete(id, scope);
			if (gone) vectors.delete(id);
			return gone;
		});
		if (fact) meaning?.forgotten(fact, id);
		return fact !== undefined;
	};

	return {
		of(owner) {
			// What is missing would stand for everybody.
			if (!isOwner(owner))
				throw new AeonError("internal", "It is not said whose memory it is");
			return {
				async save(text) {
					const clean = cleanFact(text);
					const saved = await file.write(({ facts }) =>
						facts.save(owner, clean, now()),
					);
					if (saved.isNew) meaning?.saved();
					return saved;
				},
				async search(text, limit, signal) {
					const search = { file, meaning, text, scope: owner, limit, signal };
					return (await searchFacts(search)).map(asFact);
				},
				forget: (id) => forget(id, owner),
			};
		},

		list: async (query) =>
			(await file.read(({ facts }) => facts.list(query))) ?? [],

		search: (
			text,
			{ limit = Number.POSITIVE_INFINITY, before, ...scope },
			signal,
		) => searchFacts({ file, meaning, text, scope, limit, before, signal }),

		forget: (id) => forget(id, {}),

		async state() {
			const facts = await file.read((tables) => tables.facts.count());
			const found = await meaning?.state();
			const problems = [file.problem, found?.problem].filter(Boolean);
			return {
				facts: facts ?? 0,
				waiting: found?.waiting ?? 0,
				...(problems.length > 0 && { problem: problems.join(" ") }),
			};
		},

		use(embeddings) {
			if (isClosed) return;
			const before = meaning;
			meaning = embeddings && new Meaning(embeddings, { file, logger, clock });
			if (before) ending = Promise.all([ending, before.close()]).then(() => {});
		},

		async close() {
			isClosed = true;
			await Promise.all([ending, meaning?.close()]);
			await file.close();
		},
	};
}

/** A fact as it is kept. Throws `usage` and `too_large`. */
function cleanFact(text: string): string {
	const clean = text.toWellFormed().trim();
	if (clean === "")
		throw new AeonError("usage", "There is nothing to remember: it is empty");
	if (clean.length > MAX_FACT_LENGTH)
		throw new AeonError(
			"too_large",
			`A fact has ${MAX_FACT_LENGTH} characters at most, and this one has ${clean.length}`,
		);
	return clean;
}

function asFact({ id, text, savedAt }: OwnedFact): Fact {
	return { id, text, savedAt };
}
