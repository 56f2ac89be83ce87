// A store without a database: one text file a session, for a person to read, search and copy.

import {
	closeSync,
	existsSync,
	fstatSync,
	mkdirSync,
	openSync,
	readdirSync,
	renameSync,
	unlinkSync,
} from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { filePath } from "../core/config.ts";
import { formatArchiveKey, parseSessionKey } from "../core/session.ts";
import { guarded } from "./failure.ts";
import { EXTENSION, fileName, splitKey, suffixOf } from "./file_name.ts";
import { decodeMessage, encodeMessage, summarise } from "./record.ts";
import {
	append,
	type Count,
	countMessages,
	type Header,
	type MessageLine,
	messagesBackward,
	messagesForward,
	readHeader,
	syncFolder,
} from "./session_file.ts";
import type { SessionStore, SessionSummary, StoreDriver } from "./store.ts";

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
		guarded(directory, () => {
			mkdirSync(directory, { recursive: true, mode: 0o700 });
			readdirSync(directory);
			return createStore(directory);
		}),
} satisfies StoreDriver<z.infer<typeof options>>;

function createStore(directory: string): SessionStore {
	/** By file name; a count is good for as long as the name is the same file's. */
	const counts = new Map<string, Count & { inode: number }>();

	const pathOf = (key: string) => join(directory, fileName(key));

	const add = async (key: string, header: Header, line?: MessageLine) => {
		const { offset, isNew } = await append(pathOf(key), header, line);
		if (isNew) await syncFolder(directory);
		return offset;
	};

	const readSummary = (
		name: string,
	): Omit<SessionSummary, "messageCount"> | undefined =>
		reading(join(directory, name), (opened) => {
			const header = readHeader(opened);
			if (!header) return undefined;
			const sessionKey = header.session_key + suffixOf(name);
			// A copy that a person made under another name is not a session.
			if (fileName(sessionKey) !== name) return undefined;
			const { updatedAt = header.created_at, lastText } = readEnd(opened);
			return {
				sessionKey,
				agentId: header.agent_id,
				createdAt: header.created_at,
				updatedAt,
				lastText,
			};
		});

	const count = (name: string): number =>
		reading(join(directory, name), (opened) => {
			const { ino: inode, size } = fstatSync(opened);
			const known = counts.get(name);
			const isSame = known?.inode === inode && known.end <= size;
			const next = countMessages(
				opened,
				isSame ? known : { messages: 0, end: 0 },
			);
			counts.set(name, { ...next, inode });
			return next.messages;
		}) ?? 0;

	return {
		getSession: (key) =>
			guarded(pathOf(key), () => {
				const summary = readSummary(fileName(key));
				if (!summary) return undefined;
				const { lastText: _, ...session } = summary;
				return session;
			}),

		saveMessage: (key, message, timestamp) =>
			guarded(pathOf(key), async () => {
				const header = headerOf(key, timestamp);
				const { role, content, metadata } = encodeMessage(message);
				const line = { role, content, timestamp, metadata };
				const id = await add(key, header, line);
				return { ...decodeMessage(role, content, metadata), id, timestamp };
			}),

		getHistory: (key, limit) =>
			guarded(pathOf(key), () => {
				const read = (opened: number) =>
					[...messagesBackward(opened).take(Math.max(0, limit))].reverse();
				return reading(pathOf(key), read) ?? [];
			}),

		listSessions: (limit = Number.POSITIVE_INFINITY) =>
			guarded(directory, () =>
				readdirSync(directory)
					.filter((name) => name.endsWith(EXTENSION))
					.flatMap((name) => readSummary(name) ?? [])
					.sort(newestFirst)
					.slice(0, Math.max(0, limit))
					.map((summary) => ({
						...summary,
						messageCount: count(fileName(summary.sessionKey)),
					})),
			),

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
				const [last] =
					reading(pathOf(key), (opened) => [
						...messagesBackward(opened).take(1),
					]) ?? [];
				if (!last) return undefined;
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
				counts.delete(fileName(key));
				await syncFolder(directory);
				return true;
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

/** When a session was used last, and the beginning of the last text said in it. */
function readEnd(opened: number): { updatedAt?: number; lastText: string } {
	let updatedAt: number | undefined;
	for (const message of messagesBackward(opened)) {
		updatedAt ??= message.timestamp;
		if (message.role !== "tool" && message.content !== "")
			return { updatedAt, lastText: summarise(message.content) };
	}
	return { updatedAt, lastText: "" };
}

function newestFirst(
	a: { updatedAt: number; sessionKey: string },
	b: { updatedAt: number; sessionKey: string },
): number {
	return b.updatedAt - a.updatedAt || (a.sessionKey < b.sessionKey ? -1 : 1);
}

/** What `read` makes of a file, or undefined where there is none. */
function reading<T>(path: string, read: (opened: number) => T): T | undefined {
	const opened = openExisting(path);
	if (opened === undefined) return undefined;
	try {
		return read(opened);
	} finally {
		closeSync(opened);
	}
}

function openExisting(path: string): number | undefined {
	try {
		return openSync(path, "r");
	} catch (error) {
		if (error instanceof Error && "code" in error && error.code === "ENOENT")
			return undefined;
		throw error;
	}
}
