// The inbox and the outbox of a file store: one log, for what ends the one begins the other.

import { join } from "node:path";
import type { OutboxPart } from "../core/delivery.ts";
import { parseSessionKey } from "../core/session.ts";
import { Accepted } from "./accepted.ts";
import { reading } from "./existing.ts";
import { fileName } from "./file_name.ts";
import {
	type AcceptedLine,
	asLogLine,
	type SavedLine,
	type TookLine,
} from "./inbox_lines.ts";
import { bodyOf } from "./inbox_record.ts";
import { Parts } from "./parts.ts";
import { findTaken } from "./session_file.ts";
import { SharedLog } from "./shared_log.ts";
import type { WaitingMessage } from "./store.ts";

/** No session's file: their names end in `.jsonl`. */
export const INBOX_LOG = "inbox.log";

/**
 * The log of one folder. Other processes may write to it at the same time: what they have added is read before every
 * answer.
 */
export class InboxFile {
	readonly #directory: string;
	readonly #log: SharedLog;
	readonly #accepted = new Accepted();
	readonly #parts = new Parts();
	/** Of messages that are in their sessions, while the log was not told or could not be. */
	readonly #untold = new Set<TookLine>();

	constructor(directory: string) {
		this.#directory = directory;
		this.#log = new SharedLog(join(directory, INBOX_LOG), {
			apply: (json) => this.#apply(json),
			restart: () => {
				this.#accepted.clear();
				this.#parts.clear();
			},
		});
	}

	/** Tells the log what a kill has kept from it, and makes it short where it has grown long. */
	async tidy(): Promise<void> {
		this.#catchUp();
		for (const line of this.#findUntold()) await this.#log.add(line);
		this.#catchUp();
		await this.#log.shorten([
			...this.#accepted.worthKeeping(),
			...this.#parts.worthKeeping(),
		]);
	}

	/** Everything in the log, with what a kill has kept from it: lines that make the same log. Writes nothing. */
	contents(): { accepted: AcceptedLine[]; parts: SavedLine[] } {
		this.#catchUp();
		for (const line of this.#findUntold()) this.#accepted.take(line);
		return {
			accepted: this.#accepted.lines(),
			parts: this.#parts.worthKeeping(),
		};
	}

	async accept(message: WaitingMessage): Promise<string> {
		parseSessionKey(message.sessionKey);
		this.#catchUp();
		if (this.#accepted.find(message) === undefined)
			await this.#log.add(asLine(message));
		// The first of two that came together may still be on its way to the disk.
		else await this.#log.settled();
		this.#catchUp();
		return this.#accepted.find(message) ?? message.runId;
	}

	waiting(): WaitingMessage[] {
		this.#catchUp();
		return this.#accepted.waiting();
	}

	/** After their message was saved in a session, by which the runs are known already: that this fails loses nothing. */
	async take(runs: readonly string[], at: number): Promise<void> {
		const [by] = runs;
		if (by === undefined) return;
		const line = { took: [...runs], by, at };
		this.#untold.add(line);
		try {
			this.#catchUp();
			if (this.#untold.has(line)) await this.#log.add(line);
			this.#untold.delete(line);
		} catch {
			// It stays among the untold: the session's file tells it at the next opening.
		}
	}

	async amend(
		run: string,
		change: Pick<WaitingMessage, "text" | "files">,
	): Promise<boolean> {
		this.#catchUp();
		if (!this.#accepted.isUntaken(run)) return false;
		const before = this.#accepted.amendments(run);
		const { text, files } = change;
		await this.#log.add({ amended: run, text, files });
		// Another process may have taken it just before.
		this.#catchUp();
		return this.#accepted.amendments(run) > before;
	}

	async countAttempt(by: string): Promise<void> {
		this.#catchUp();
		for (const line of this.#untold) {
			await this.#log.add(line);
			this.#untold.delete(line);
		}
		const isKnown = this.#accepted
			.waiting()
			.some(({ runId, takenBy = runId }) => takenBy === by);
		if (isKnown) await this.#log.add({ attempt: by });
	}

	/** One line: messages are finished and parts are kept, both or neither. */
	async finish(
		runs: readonly string[],
		parts: readonly OutboxPart[],
	): Promise<void> {
		this.#catchUp();
		const finished = runs.filter((run) => this.#accepted.isUnfinished(run));
		if (finished.length + parts.length === 0) return;
		await this.#log.add({ finished, parts });
	}

	pendingParts(dialog: string): OutboxPart[] {
		this.#catchUp();
		return this.#parts.pending(dialog);
	}

	partsOf(deliveryId: string): OutboxPart[] {
		this.#catchUp();
		return this.#parts.of(deliveryId);
	}

	findPart(dialog: string, platformId: string): OutboxPart | undefined {
		this.#catchUp();
		return this.#parts.called(dialog, platformId);
	}

	#catchUp(): void {
		this.#log.catchUp();
		for (const line of this.#untold) {
			this.#accepted.take(line);
			// Nobody has to be told of what is finished or unknown.
			if (!line.took.some((run) => this.#accepted.isUnfinished(run)))
				this.#untold.delete(line);
		}
	}

	/** False of what is torn or foreign. */
	#apply(json: unknown): boolean {
		const line = asLogLine(json);
		if (!line) return false;
		if ("run_id" in line) {
			this.#accepted.add(line);
			this.#parts.forget(line.received_at);
		} else if ("took" in line) this.#accepted.take(line);
		else if ("taken" in line) this.#accepted.finish(line.taken, line.at);
		else if ("amended" in line) this.#accepted.amend(line);
		else if ("attempt" in line) this.#accepted.countAttempt(line.attempt);
		else {
			for (const run of line.finished ?? []) this.#accepted.finish(run);
			this.#parts.save(line);
		}
		return true;
	}

	/** What the sessions have of messages that nobody has taken by the log: a kill came in between. */
	#findUntold(): TookLine[] {
		const untaken = this.#accepted.waiting().filter(({ takenBy }) => !takenBy);
		const bySession = Map.groupBy(untaken, ({ sessionKey }) => sessionKey);
		return [...bySession].flatMap(([key, messages]) => {
			const runs = new Set(messages.map(({ runId }) => runId));
			const path = join(this.#directory, fileName(key));
			return reading(path, (opened) => findTaken(opened, runs)) ?? [];
		});
	}
}

function asLine(message: WaitingMessage): object {
	const { runId, dialog, messageId, sessionKey, receivedAt } = message;
	return {
		run_id: runId,
		dialog,
		message_id: messageId,
		session_key: sessionKey,
		received_at: receivedAt,
		...bodyOf(message),
	};
}
