// A store without a database: one text file a session, for a person to read, search and copy.

import {
	closeSync,
	existsSync,
	mkdirSync,
	readdirSync,
	renameSync,
	unlinkSync,
} from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { filePath } from "../core/config.ts";
import { addUsage, NO_USAGE, type Usage } from "../core/message.ts";
import { formatArchiveKey, parseSessionKey } from "../core/session.ts";
import { syncFolder } from "../core/sync.ts";
import { guarded } from "../database/failure.ts";
import { openExisting, reading } from "./existing.ts";
import { fileName, splitKey } from "./file_name.ts";
import { searchFolder } from "./file_search.ts";
import { Summaries } from "./file_summaries.ts";
import { InboxFile } from "./inbox_file.ts";
import { LastSummaries } from "./last_summaries.ts";
import { decodeMessage, encodeMessage, place } from "./record.ts";
import {
	append,
	type Header,
	type MessageLine,
	messagesBackward,
	messagesForward,
} from "./session_file.ts";
import type { SessionStore, StoreDriver } from "./store.ts";
import { usageSince } from "./usage.ts";

const options = z.object({
	directory: filePath("The folder that sessions are kept in, a file each"),
});

/**
 * Keeps every session as one JSONL file in `directory`, on the disk before a save resolves: a power cut loses nothing that
 * was acknowledged. A message's id is where its line begins. Other processes may use the folder at the same time.
 */
export const file = {
	options,
	open: ({ directory }) =>
		guarded(directory, async () => {
			mkdirSync(directory, { recursive: true, mode: 0o700 });
			readdirSync(directory);
			const inbox = new InboxFile(directory);
			await inbox.tidy();
			return createStore(directory, inbox);
		}),
	copy: async ({ directory }, target) => {
		const { copyFolder } = await import("./file_copy.ts");
		await copyFolder(directory, target);
	},
	verify: async (target) => {
		const { verifyFolder } = await import("./file_verify.ts");
		await verifyFolder(target);
	},
	async *dump({ directory }) {
		const { dumpFolder } = await import("./file_dump.ts");
		yield* dumpFolder(directory);
	},
	load: async ({ directory }, entries) => {
		const { loadFolder } = await import("./file_load.ts");
		await loadFolder(directory, entries);
	},
} satisfies StoreDriver<z.infer<typeof options>>;

function createStore(directory: string, inbox: InboxFile): SessionStore {
	const summaries = new Summaries(directory);
	const lastSummaries = new LastSummaries(directory);

	const pathOf = (key: string) => join(directory, fileName(key));

	const add = async (key: string, header: Header, line?: MessageLine) => {
		const { offset, isNew } = await append(pathOf(key), header, line);
		if (isNew) await syncFolder(directory);
		return offset;
	};

	return {
		getSession: (key) => guarded(pathOf(key), () => summaries.find(key)),

		saveMessage: (key, message, timestamp, runIds = []) =>
			guarded(pathOf(key), async () => {
				const header = headerOf(key, timestamp);
				const { role, content, metadata } = encodeMessage(message);
				const line: MessageLine = { role, content, timestamp, metadata };
				if (runIds.length > 0) line.run_ids = runIds;
				const id = await add(key, header, line);
				await inbox.take(runIds, timestamp);
				return place(decodeMessage(role, content, metadata), id, timestamp);
			}),

		getHistory: (key, limit, before) =>
			guarded(pathOf(key), () => {
				const read = (opened: number) =>
					messagesBackward(opened, before)
						.take(Math.max(0, limit))
						.toArray()
						.reverse();
				return reading(pathOf(key), read) ?? [];
			}),

		findSummary: (key) => guarded(pathOf(key), () => lastSummaries.find(key)),

		searchMessages: (query) =>
			guarded(directory, () => searchFolder(directory, query)),

		tidy: () => guarded(directory, () => inbox.tidy()),

		listSessions: (query = {}) =>
			guarded(directory, () => summaries.list(query)),

		async *exportSession(key) {
			const opened = await guarded(pathOf(key), () =>
				openExisting(pathOf(key)),
			);
			if (opened === undefined) return;
			try {
				const messages = messagesForward(opened);
				const next = () => guarded(pathOf(key), () => messages.next());
				for (let step = await next(); !step.done; step = await next())
					yield step.value;
			} finally {
				closeSync(opened);
			}
		},

		resetSession: (key, timestamp) =>
			guarded(pathOf(key), async () => {
				const isEmpty = reading(
					pathOf(key),
					(opened) => messagesBackward(opened).next().done,
				);
				if (isEmpty ?? true) return undefined;
				let archivedAt = timestamp;
				while (existsSync(pathOf(formatArchiveKey(key, archivedAt))))
					archivedAt++;
				const archive = formatArchiveKey(key, archivedAt);
				renameSync(pathOf(key), pathOf(archive));
				await add(key, headerOf(key, timestamp));
				return archive;
			}),

		deleteSession: (key) =>
			guarded(pathOf(key), async () => {
				if (!existsSync(pathOf(key))) return false;
				unlinkSync(pathOf(key));
				summaries.forget(key);
				lastSummaries.forget(key);
				await syncFolder(directory);
				return true;
			}),

		acceptMessage: (message) => guarded(directory, () => inbox.accept(message)),

		waitingMessages: () => guarded(directory, () => inbox.waiting()),

		amendMessage: (runId, change) =>
			guarded(directory, () => inbox.amend(runId, change)),

		countAttempt: (takenBy) =>
			guarded(directory, () => inbox.countAttempt(takenBy)),

		finishMessages: (runIds, parts = []) =>
			guarded(directory, () => inbox.finish(runIds, parts)),

		saveParts: (parts) => guarded(directory, () => inbox.finish([], parts)),

		pendingParts: (dialog) =>
			guarded(directory, () => inbox.pendingParts(dialog)),

		partsOf: (deliveryId) =>
			guarded(directory, () => inbox.partsOf(deliveryId)),

		findPart: (dialog, platformId) =>
			guarded(directory, () => inbox.findPart(dialog, platformId)),

		statistics: (since) =>
			guarded(directory, async () => {
				const paths = summaries.paths();
				let usage = NO_USAGE;
				for (const path of paths)
					usage = addUsage(usage, await usageIn(path, since));
				return { sessions: paths.length, usage };
			}),

		// Every message is on the disk already, and no file stays open.
		close: async () => {},
	};
}

function headerOf(key: string, timestamp: number): Header {
	return {
		session_key: splitKey(key).base,
		agent_id: parseSessionKey(key).agentId,
		created_at: timestamp,
	};
}

async function usageIn(path: string, since: number): Promise<Usage> {
	const opened = openExisting(path);
	if (opened === undefined) return NO_USAGE;
	try {
		return await usageSince(since, messagesBackward(opened));
	} finally {
		closeSync(opened);
	}
}
