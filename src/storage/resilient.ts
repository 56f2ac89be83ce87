// A store that keeps Aeon answering whatever happens to the disk.

import { describeError } from "../core/errors.ts";
import { addUsage } from "../core/message.ts";
import { parseSessionKey } from "../core/session.ts";
import {
	keptBehind,
	keptUsage,
	mergeHistory,
	mergeSession,
	mergeSummaries,
} from "./merging.ts";
import { select } from "./query.ts";
import { asNothing, Reopening, type StoreAccess } from "./reopening.ts";
import { resilientInbox } from "./resilient_inbox.ts";
import type { SessionStore, StoredMessage, StoreHealth } from "./store.ts";
import type { Saving } from "./writes.ts";
import { Writing } from "./writing.ts";

/** A store that says how well it is. */
export interface ResilientStore extends SessionStore {
	/** Well also while it is being opened. */
	health(): StoreHealth;
	/** What every person should be told once, for conversations are not as they left them. The oldest first. */
	notices(): readonly string[];
}

/** What a resilient store is made of. */
export interface ResilientOptions extends StoreAccess {
	/** Told every change of health, a recovery and what was lost, in a sentence; undefined when all is well again. */
	onTrouble?(sentence: string | undefined): void;
}

/**
 * A store on top of another one that is opened behind it: operations wait for the first try. What the other one does not
 * take, or while it cannot be opened, is kept in memory up to a bound, served from there, and written once that works; a
 * damaged one is recovered. Only `resetSession` and `deleteSession` throw `storage_failed` then, and of the reads those
 * that would leave out what they cannot know: not `getHistory`, `getSession`, `findSummary`, `pendingParts`, `partsOf` and
 * `findPart`. A search does not look through what is kept.
 * Until what is kept is written, a kill loses it.
 */
export function resilient(options: ResilientOptions): ResilientStore {
	const notices: string[] = [];
	let readError: unknown;
	let reported: string | undefined;

	const report = () => {
		for (const [sessionKey, count] of writing.unsaved.takeLosses())
			options.onTrouble?.(
				`The oldest ${count} writes to ${sessionKey} are lost: the store did not take them while there was room and time for it.`,
			);
		const { problem } = health();
		if (problem === reported) return;
		reported = problem;
		options.onTrouble?.(problem);
	};

	const reopening = new Reopening(options, (sentence) => {
		notices.push(sentence);
		options.onTrouble?.(sentence);
	});
	const writing = new Writing(reopening, report);
	const { unsaved } = writing;
	void reopening.store().then(undefined, () => writing.watch());

	const health = (): StoreHealth => {
		if (writing.problem)
			return {
				isWell: false,
				problem: `${describeError(writing.problem)}. What is said meanwhile is kept in memory.`,
			};
		if (readError) return { isWell: false, problem: describeError(readError) };
		return { isWell: true };
	};

	/** A read; what is wrong is told, and right again with the next one. */
	const read = async <T>(work: (store: SessionStore) => Promise<T>) => {
		try {
			const found = await reopening.run(work);
			readError = undefined;
			return found;
		} catch (error) {
			readError = reopening.problem ? undefined : error;
			throw error;
		} finally {
			writing.watch();
		}
	};

	return {
		health,
		notices: () => notices,
		...resilientInbox(writing, read),

		async saveMessage(sessionKey, message, timestamp, runIds) {
			parseSessionKey(sessionKey);
			const saving: Saving = { kind: "save", sessionKey, message, timestamp };
			if (runIds) saving.runIds = [...runIds];
			await writing.put(saving);
			return saving.stored as StoredMessage;
		},

		async getSession(key) {
			const kept = unsaved.messages(key);
			const stored = await read((store) => store.getSession(key)).catch(
				asNothing,
			);
			return mergeSession(stored, kept);
		},

		async getHistory(key, limit, before) {
			const kept = unsaved.messages(key);
			const end = before === undefined ? before : unsaved.idOf(key, before);
			const stored = await read((store) =>
				store.getHistory(key, limit, end),
			).catch(asNothing);
			return mergeHistory(stored ?? [], kept, limit, end);
		},

		async findSummary(key) {
			const kept = unsaved
				.messages(key)
				.flatMap(({ stored }) => (stored?.role === "summary" ? stored : []));
			return (
				kept.at(-1) ?? read((store) => store.findSummary(key)).catch(asNothing)
			);
		},

		searchMessages({ before, ...query }) {
			const end = before && {
				...before,
				id: unsaved.idOf(before.sessionKey, before.id),
			};
			return read((store) => store.searchMessages({ ...query, before: end }));
		},

		// That it cannot be done today is nothing to tell a person.
		tidy: () => reopening.run((store) => store.tidy()),

		async listSessions(query = {}) {
			const kept = unsaved.messages();
			if (kept.length === 0) return read((store) => store.listSessions(query));
			const { agentId, dialog } = query;
			const stored = await read((store) =>
				store.listSessions({ agentId, dialog }),
			);
			return select(mergeSummaries(stored, kept), query);
		},

		async *exportSession(key) {
			const kept = unsaved.messages(key);
			let last = Number.NEGATIVE_INFINITY;
			for (let isWhole = false; !isWhole; ) {
				const store = await reopening.store();
				try {
					for await (const message of store.exportSession(key)) {
						if (message.id <= last) continue;
						last = message.id;
						yield message;
					}
					isWhole = true;
				} catch (error) {
					if (!(await reopening.heal(store, error))) throw error;
				}
			}
			yield* keptBehind(last, kept);
		},

		resetSession: (key, timestamp) =>
			writing.afterAll(key, (store) => store.resetSession(key, timestamp)),

		deleteSession: (key) =>
			writing.afterAll(key, (store) => store.deleteSession(key)),

		async statistics(since) {
			const usage = keptUsage(unsaved.messages(), since);
			const stored = await read((store) => store.statistics(since));
			return { ...stored, usage: addUsage(stored.usage, usage) };
		},

		close: () => writing.close(),
	};
}
