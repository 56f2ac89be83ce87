// One session as a JSONL file: a header, then a message a line, only ever added to.

import { closeSync, fdatasync, fstatSync, openSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import * as z from "zod/mini";
import { parseJson } from "../core/json.ts";
import type { TookLine } from "./inbox_lines.ts";
import { type Line, linesBackward, linesForward, readChunk } from "./lines.ts";
import { decodeMessage, type MessageRecord, place } from "./record.ts";
import type { StoredMessage } from "./store.ts";

const headerSchema = z.object({
	/** The key without the suffix of an archive, which is in the file's name: resetting a session is renaming its file. */
	session_key: z.string(),
	agent_id: z.string(),
	created_at: z.number(),
});

const messageSchema = z.object({
	role: z.string(),
	content: z.string(),
	timestamp: z.number(),
	metadata: z.optional(z.unknown()),
	/** The runs whose accepted messages this is: with them in the same line, the one cannot be kept without the other. */
	run_ids: z.optional(z.array(z.string())),
	/** How it was written when a message was that of one run only. */
	run_id: z.optional(z.string()),
});

/** The first line of a session's file. */
export type Header = z.infer<typeof headerSchema>;

/** A message as a line holds it. `role` comes first: `countMessages` tells a message by it. */
export type MessageLine = Pick<MessageRecord, "role"> &
	Omit<MessageRecord, "role"> & {
		timestamp: number;
		run_ids?: readonly string[];
	};

const MESSAGE_START = '{"role":';
const RUN = '"run_id';
const NEWLINE = "\n";

/** What was appended: where the line begins, in which file, and whether that was empty before. */
export interface Appended {
	offset: number;
	inode: number;
	isNew: boolean;
}

/**
 * Adds a line to the end of a file, which it makes where it is missing; the header goes before the first line. The bytes
 * are written before this returns, in one piece; once the promise resolves they are on the disk.
 */
export async function append(
	path: string,
	header: Header | undefined,
	content?: object,
): Promise<Appended> {
	const file = openSync(path, "a+", 0o600);
	try {
		const { size, ino: inode } = fstatSync(file);
		// A write that was cut may have torn the header itself, so a new one follows every torn line.
		const isTorn = size > 0 && String(readChunk(file, size - 1, 1)) !== NEWLINE;
		const start = header && (size === 0 || isTorn) ? asLine(header) : "";
		const before = (isTorn ? NEWLINE : "") + start;
		const line = content ? asLine(content) : "";
		writeWhole(file, Buffer.from(before + line));
		const offset = findWritten(file, size + Buffer.byteLength(before), line);
		await promisify(fdatasync)(file);
		return { offset, inode, isNew: size === 0 };
	} finally {
		closeSync(file);
	}
}

/** The header of an open file, which is its first line unless that was torn. Undefined where it has none. */
export function readHeader(file: number): Header | undefined {
	for (const { text } of linesForward(file)) {
		const header = asHeader(parseJson(text));
		if (header) return header;
	}
	return undefined;
}

/** Undefined of any other line. */
export function asHeader(json: unknown): Header | undefined {
	return headerSchema.safeParse(json).data;
}

/** The messages of an open file, oldest first. What is torn or foreign is left out. */
export function* messagesForward(file: number): Generator<StoredMessage> {
	yield* messagesOf(linesForward(file));
}

/** The messages of an open file whose ids are smaller than `before`, newest first, read from its end. What is torn or foreign is left out. */
export function* messagesBackward(
	file: number,
	before = Number.POSITIVE_INFINITY,
): Generator<StoredMessage> {
	yield* messagesOf(linesBefore(file, before));
}

/** The lines of an open file that begin before an offset, the last one first. */
export function linesBefore(
	file: number,
	before = Number.POSITIVE_INFINITY,
): Generator<Line> {
	const { size } = fstatSync(file);
	return linesBackward(file, before < size ? endBefore(file, before) : size);
}

/** The message that a line holds; undefined where it is torn or foreign. */
export function messageOf({ offset, text }: Line): StoredMessage | undefined {
	const line = messageSchema.safeParse(parseJson(text));
	if (!line.success) return undefined;
	const { role, content, timestamp, metadata } = line.data;
	return place(decodeMessage(role, content, metadata), offset, timestamp);
}

/** Where the last line ends that begins before an offset. */
function endBefore(file: number, offset: number): number {
	if (offset <= 0) return 0;
	const [line] = linesForward(file, offset - 1).take(1);
	return line?.offset === offset - 1 ? line.end : offset;
}

/** Those of these runs whose messages an open file has, by the turns that took them, the last turn first. */
export function findTaken(file: number, runs: ReadonlySet<string>): TookLine[] {
	const missing = new Set(runs);
	const found: TookLine[] = [];
	for (const { text } of linesBackward(file, fstatSync(file).size)) {
		if (missing.size === 0) break;
		if (!text.includes(RUN)) continue;
		const line = messageSchema.safeParse(parseJson(text)).data;
		const ids = line?.run_ids ?? (line?.run_id ? [line.run_id] : []);
		const took = ids.filter((run) => missing.delete(run));
		const [by] = ids;
		if (!line || by === undefined || took.length === 0) continue;
		found.push({ took, by, at: line.timestamp });
	}
	return found;
}

/** How many messages were counted up to which offset of a file. */
export interface Count {
	messages: number;
	end: number;
}

/** Goes on counting the messages of an open file where an earlier count ended. They are told by how a line begins and ends. */
export function countMessages(file: number, { messages, end }: Count): Count {
	const count = { messages, end };
	for (const line of linesForward(file, end)) {
		if (!line.text.startsWith(MESSAGE_START) || !line.text.endsWith("}"))
			continue;
		count.messages++;
		count.end = line.end;
	}
	return count;
}

function asLine(content: object): string {
	return `${JSON.stringify(content)}${NEWLINE}`;
}

/** Throws where the disk takes only a part: the rest may not follow, for another process may have written meanwhile. */
function writeWhole(file: number, bytes: Buffer): void {
	if (writeSync(file, bytes) < bytes.length)
		throw Object.assign(new Error("the disk took a part of the line only"), {
			code: "ENOSPC",
		});
}

/** Where the line lies that was just written: at the old end, or behind what another process added at the same moment. */
function findWritten(file: number, expected: number, line: string): number {
	const { size } = fstatSync(file);
	if (size === expected + Buffer.byteLength(line)) return expected;
	const added = readChunk(file, expected, size - expected);
	return expected + Math.max(0, added.lastIndexOf(line));
}

function* messagesOf(lines: Iterable<Line>): Generator<StoredMessage> {
	for (const line of lines) {
		const message = messageOf(line);
		if (message) yield message;
	}
}
