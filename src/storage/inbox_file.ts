// The messages of a file store that were accepted and that no turn has taken in yet: a log of one JSON object a line.

import { fstatSync, statSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { parseJson } from "../core/json.ts";
import { parseSessionKey } from "../core/session.ts";
import { reading } from "./existing.ts";
import { fileName } from "./file_name.ts";
import { linesForward } from "./lines.ts";
import { replaceLog } from "./log_file.ts";
import { append, findRuns, syncFolder } from "./session_file.ts";
import type { WaitingMessage } from "./store.ts";

/** No session's file: their names end in `.jsonl`. */
const NAME = "inbox.log";

/** A smaller log is not worth the writing. */
const MIN_COMPACTED_SIZE = 64 * 1024;

/** For so long after it was taken a message is known again. */
const KNOWN_MS = 7 * 24 * 60 * 60 * 1000;

const acceptedSchema = z.object({
	run_id: z.string(),
	dialog: z.string(),
	message_id: z.optional(z.string()),
	session_key: z.string(),
	received_at: z.number(),
	/** Not kept of one that was taken. */
	text: z.optional(z.string()),
	attachments: z.optional(
		z.array(z.object({ path: z.string(), mimeType: z.string() })),
	),
	model: z.optional(z.string()),
	taken_at: z.optional(z.number()),
});

const takenSchema = z.object({ taken: z.string(), at: z.number() });

type Accepted = z.infer<typeof acceptedSchema>;

/**
 * The log of one folder. Other processes may write to it at the same time: what they have added is read before every
 * answer, and of two lines for one message the first counts.
 */
export class InboxFile {
	readonly #directory: string;
	readonly #path: string;
	/** By run, in the order of the log. */
	readonly #accepted = new Map<string, Accepted>();
	/** The runs of messages whose sender gave them an id. */
	readonly #runs = new Map<string, string>();
	/** Runs whose message is in its session, while the log could not be told. */
	readonly #untold = new Set<string>();
	#inode: number | undefined;
	/** How far the log was read. */
	#end = 0;
	#lines = 0;
	#last: Promise<unknown> = Promise.resolve();

	constructor(directory: string) {
		this.#directory = directory;
		this.#path = join(directory, NAME);
	}

	/** Takes out what a kill has left in although it is in its session, and makes the log short where it has grown long. */
	async tidy(): Promise<void> {
		this.#catchUp();
		for (const run of this.#findUntold()) await this.drop(run);
		const kept = this.#worthKeeping();
		if (this.#end < MIN_COMPACTED_SIZE || kept.length * 2 > this.#lines) return;
		replaceLog(this.#path, kept, this.#end);
		await syncFolder(this.#directory);
	}

	async accept(message: WaitingMessage): Promise<string> {
		parseSessionKey(message.sessionKey);
		this.#catchUp();
		if (this.#find(message) === undefined) await this.#add(encode(message));
		// The first of two that came together may still be on its way to the disk.
		else await this.#last;
		this.#catchUp();
		return this.#find(message) ?? message.runId;
	}

	waiting(): WaitingMessage[] {
		this.#catchUp();
		return [...this.#accepted.values()]
			.filter(({ run_id }) => !this.#untold.has(run_id))
			.flatMap((accepted) => decode(accepted) ?? []);
	}

	/** After its message was saved in a session, by which the run is known already: that this fails loses nothing. */
	async take(run: string, at: number): Promise<void> {
		this.#untold.add(run);
		try {
			await this.drop(run, at);
			this.#untold.delete(run);
		} catch {
			// It stays among the untold: the session's file tells it at the next opening.
		}
	}

	async drop(run: string, at?: number): Promise<void> {
		this.#catchUp();
		const accepted = this.#accepted.get(run);
		if (!accepted || accepted.taken_at !== undefined) return;
		await this.#add({ taken: run, at: at ?? accepted.received_at });
	}

	async #add(line: object): Promise<void> {
		const adding = this.#append(line);
		this.#last = adding.catch(() => {});
		await adding;
	}

	/** Once more where the log was replaced by another process meanwhile; a line that is there twice does no harm. */
	async #append(line: object): Promise<void> {
		const { inode, isNew } = await append(this.#path, undefined, line);
		if (isNew) await syncFolder(this.#directory);
		const now = statSync(this.#path, { throwIfNoEntry: false });
		if (now?.ino !== inode) await this.#append(line);
	}

	#find({ runId, dialog, messageId }: WaitingMessage): string | undefined {
		const first =
			messageId === undefined
				? undefined
				: this.#runs.get(nameOf(dialog, messageId));
		return first ?? this.#accepted.get(runId)?.run_id;
	}

	/** Reads what was added to the log since, by whomever. */
	#catchUp(): void {
		reading(this.#path, (opened) => {
			const { ino, size } = fstatSync(opened);
			if (ino !== this.#inode || size < this.#end) this.#forget();
			this.#inode = ino;
			for (const line of linesForward(opened, this.#end)) {
				if (!this.#apply(parseJson(line.text))) continue;
				this.#end = line.end;
				this.#lines++;
			}
		});
	}

	/** False of what is torn or foreign. */
	#apply(line: unknown): boolean {
		const taken = takenSchema.safeParse(line);
		if (taken.success) {
			const accepted = this.#accepted.get(taken.data.taken);
			if (accepted) strip(accepted, taken.data.at);
			return true;
		}
		const accepted = acceptedSchema.safeParse(line);
		if (!accepted.success) return false;
		const { run_id, dialog, message_id } = accepted.data;
		const name =
			message_id === undefined ? undefined : nameOf(dialog, message_id);
		const isRepeat = name !== undefined && this.#runs.has(name);
		if (isRepeat || this.#accepted.has(run_id)) return true;
		this.#accepted.set(run_id, accepted.data);
		if (name !== undefined) this.#runs.set(name, run_id);
		return true;
	}

	#forget(): void {
		this.#accepted.clear();
		this.#runs.clear();
		this.#end = 0;
		this.#lines = 0;
	}

	/** The runs that wait in the log while their messages are in their sessions: a kill came in between. */
	#findUntold(): string[] {
		const bySession = Map.groupBy(this.waiting(), (one) => one.sessionKey);
		return [...bySession].flatMap(([key, messages]) => {
			const runs = new Set(messages.map(({ runId }) => runId));
			const path = join(this.#directory, fileName(key));
			return [...(reading(path, (opened) => findRuns(opened, runs)) ?? [])];
		});
	}

	#worthKeeping(): Accepted[] {
		const accepted = [...this.#accepted.values()];
		const newest = accepted.at(-1)?.received_at ?? 0;
		return accepted.filter(
			({ taken_at }) => taken_at === undefined || taken_at > newest - KNOWN_MS,
		);
	}
}

function encode(message: WaitingMessage): Accepted {
	const { runId, messageId, sessionKey, receivedAt, ...rest } = message;
	return {
		run_id: runId,
		message_id: messageId,
		session_key: sessionKey,
		received_at: receivedAt,
		...rest,
	};
}

function decode(accepted: Accepted): WaitingMessage | undefined {
	const { run_id, dialog, message_id, session_key, received_at } = accepted;
	const { text, attachments, model } = accepted;
	if (text === undefined) return undefined;
	return {
		runId: run_id,
		dialog,
		...(message_id !== undefined && { messageId: message_id }),
		sessionKey: session_key,
		text,
		...(attachments && { attachments }),
		...(model !== undefined && { model }),
		receivedAt: received_at,
	};
}

function strip(accepted: Accepted, takenAt: number): void {
	accepted.taken_at = takenAt;
	delete accepted.text;
	delete accepted.attachments;
	delete accepted.model;
}

/** One name for the two, of any characters. */
function nameOf(dialog: string, messageId: string): string {
	return JSON.stringify([dialog, messageId]);
}
