// A new folder of sessions out of the entries of another store.

import {
	closeSync,
	fsync,
	mkdirSync,
	openSync,
	readdirSync,
	writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { AeonError } from "../core/errors.ts";
import { syncFolder } from "../core/sync.ts";
import { guarded } from "../database/failure.ts";
import { fileName, splitKey } from "./file_name.ts";
import { INBOX_LOG } from "./inbox_file.ts";
import type { AcceptedLine, SavedLine } from "./inbox_lines.ts";
import { bodyOf } from "./inbox_record.ts";
import { encodeMessage } from "./record.ts";
import type { Header, MessageLine } from "./session_file.ts";
import type { StoreEntry } from "./store.ts";
import { MessageIds } from "./transfer_ids.ts";

/** Lines are written in pieces of so many characters at least. */
const PIECE_LENGTH = 64 * 1024;

/**
 * Fills an empty folder, which it makes where there is none; once this has resolved all of it is on the disk. Throws
 * `conflict` where there is anything in it, and `storage_failed`: what is in it then is of no use.
 */
export function loadFolder(
	directory: string,
	entries: AsyncIterable<StoreEntry>,
): Promise<void> {
	return guarded(directory, async () => {
		mkdirSync(directory, { recursive: true, mode: 0o700 });
		if (readdirSync(directory).length > 0)
			throw new AeonError("conflict", `The store ${directory} is not empty`, {
				hint: "Move that folder aside, or name another one in storage.directory of aeon.json.",
			});
		const loading = new Loading(directory);
		try {
			for await (const entry of entries) await loading.add(entry);
			await loading.end();
		} finally {
			loading.close();
		}
		await syncFolder(directory);
		await syncFolder(dirname(directory));
	});
}

/** The files of a folder that is being filled, one after the other. */
class Loading {
	readonly #directory: string;
	#file: LineFile | undefined;
	#name = "";
	#ids = new MessageIds();

	constructor(directory: string) {
		this.#directory = directory;
	}

	async add(entry: StoreEntry): Promise<void> {
		switch (entry.kind) {
			case "session": {
				const { sessionKey, agentId, createdAt } = entry.session;
				const header: Header = {
					session_key: splitKey(sessionKey).base,
					agent_id: agentId,
					created_at: createdAt,
				};
				this.#ids = new MessageIds();
				(await this.#open(fileName(sessionKey))).add(header);
				break;
			}
			case "message": {
				const { message, sessionKey } = entry;
				const { role, content, metadata } = encodeMessage(
					this.#ids.translate(message),
				);
				const { timestamp } = message;
				const line: MessageLine = { role, content, timestamp, metadata };
				const file = await this.#open(fileName(sessionKey));
				this.#ids.add(message.id, file.add(line));
				break;
			}
			case "accepted":
				(await this.#open(INBOX_LOG)).add(asLine(entry));
				break;
			case "part": {
				const { part, settledAt: settled_at } = entry;
				const line: SavedLine = { parts: [part], settled_at };
				(await this.#open(INBOX_LOG)).add(line);
			}
		}
	}

	/** All that was added is on the disk. */
	async end(): Promise<void> {
		await this.#file?.end();
	}

	close(): void {
		this.#file?.close();
	}

	async #open(name: string): Promise<LineFile> {
		if (this.#file && this.#name === name) return this.#file;
		await this.#file?.end();
		this.#file?.close();
		this.#name = name;
		this.#file = new LineFile(join(this.#directory, name));
		return this.#file;
	}
}

/** A new file that lines are written into. */
class LineFile {
	readonly #file: number;
	#pending: string[] = [];
	#length = 0;
	#size = 0;

	/** Throws where there is such a file. */
	constructor(path: string) {
		this.#file = openSync(path, "wx", 0o600);
	}

	/** Gives the place in the file where the line begins. */
	add(content: object): number {
		const line = `${JSON.stringify(content)}\n`;
		const begin = this.#size;
		this.#size += Buffer.byteLength(line);
		this.#length += line.length;
		this.#pending.push(line);
		if (this.#length >= PIECE_LENGTH) this.#write();
		return begin;
	}

	async end(): Promise<void> {
		this.#write();
		await promisify(fsync)(this.#file);
	}

	close(): void {
		closeSync(this.#file);
	}

	#write(): void {
		let bytes: Buffer = Buffer.from(this.#pending.join(""));
		while (bytes.length > 0)
			bytes = bytes.subarray(writeSync(this.#file, bytes));
		this.#pending = [];
		this.#length = 0;
	}
}

/** As the log has it where it was made short. */
function asLine({
	message,
	takenAt,
	finishedAt,
}: Extract<StoreEntry, { kind: "accepted" }>): AcceptedLine {
	return {
		run_id: message.runId,
		dialog: message.dialog,
		message_id: message.messageId,
		session_key: message.sessionKey,
		received_at: message.receivedAt,
		...(finishedAt === undefined && bodyOf(message)),
		taken_by: message.takenBy,
		attempts: message.attempts,
		taken_at: takenAt,
		done_at: finishedAt,
	};
}
