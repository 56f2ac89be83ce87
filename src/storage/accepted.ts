// What a file store's log says of accepted messages.

import type { AcceptedLine, AmendedLine, TookLine } from "./inbox_lines.ts";
import { type Body, bodySchema, KNOWN_MS } from "./inbox_record.ts";
import { withoutGaps } from "./record.ts";
import type { WaitingMessage } from "./store.ts";

/** Accepted messages in the order of the log, until their ends and for a while after. */
export class Accepted {
	readonly #byRun = new Map<string, AcceptedLine>();
	/** The runs of messages whose sender gave them an id. */
	readonly #runs = new Map<string, string>();
	/** How often messages were amended. */
	readonly #amendments = new Map<string, number>();

	/** The run that answers a message, where that or an earlier one like it is known. */
	find({ runId, dialog, messageId }: WaitingMessage): string | undefined {
		const first =
			messageId === undefined
				? undefined
				: this.#runs.get(nameOf(dialog, messageId));
		return first ?? this.#byRun.get(runId)?.run_id;
	}

	isUnfinished(run: string): boolean {
		const accepted = this.#byRun.get(run);
		return accepted !== undefined && accepted.done_at === undefined;
	}

	isUntaken(run: string): boolean {
		return this.isUnfinished(run) && !this.#byRun.get(run)?.taken_by;
	}

	amendments(run: string): number {
		return this.#amendments.get(run) ?? 0;
	}

	waiting(): WaitingMessage[] {
		return [...this.#byRun.values()].flatMap((one) => asWaiting(one) ?? []);
	}

	/** Of two lines for one message the first counts. */
	add(line: AcceptedLine): void {
		const { run_id, dialog, message_id } = line;
		const name =
			message_id === undefined ? undefined : nameOf(dialog, message_id);
		const isRepeat = name !== undefined && this.#runs.has(name);
		if (isRepeat || this.#byRun.has(run_id)) return;
		// As the log was made short when to be taken was the end.
		if (line.taken_by === undefined) line.done_at ??= line.taken_at;
		this.#byRun.set(run_id, line);
		if (name !== undefined) this.#runs.set(name, run_id);
	}

	take({ took, by, at }: TookLine): void {
		for (const run of took) {
			const accepted = this.#byRun.get(run);
			if (!accepted || !this.isUntaken(run)) continue;
			accepted.taken_by = by;
			accepted.taken_at = at;
			accepted.attempts ??= 1;
		}
	}

	amend({ amended, text, files }: AmendedLine): void {
		const accepted = this.#byRun.get(amended);
		if (!accepted || !this.isUntaken(amended)) return;
		accepted.text = text;
		accepted.files = files;
		this.#amendments.set(amended, this.amendments(amended) + 1);
	}

	countAttempt(by: string): void {
		for (const accepted of this.#byRun.values())
			if (
				(accepted.taken_by ?? accepted.run_id) === by &&
				accepted.done_at === undefined
			)
				accepted.attempts = (accepted.attempts ?? 0) + 1;
	}

	/** The session has what was taken; what was not is not wanted. */
	finish(run: string, at?: number): void {
		const accepted = this.#byRun.get(run);
		if (!accepted || accepted.done_at !== undefined) return;
		accepted.done_at = at ?? accepted.taken_at ?? accepted.received_at;
		for (const field of Object.keys(bodySchema.shape) as (keyof Body)[])
			delete accepted[field];
		this.#amendments.delete(run);
	}

	clear(): void {
		this.#byRun.clear();
		this.#runs.clear();
		this.#amendments.clear();
	}

	/** Everything that is known, a line each. */
	lines(): AcceptedLine[] {
		return [...this.#byRun.values()];
	}

	/** The lines that a short log has to have. */
	worthKeeping(): AcceptedLine[] {
		const accepted = this.lines();
		const newest = accepted.at(-1)?.received_at ?? 0;
		return accepted.filter(
			({ done_at }) => done_at === undefined || done_at > newest - KNOWN_MS,
		);
	}
}

/** Undefined where it is finished, or damaged. */
export function asWaiting(line: AcceptedLine): WaitingMessage | undefined {
	const { run_id, dialog, message_id, session_key, received_at } = line;
	const body = bodySchema.safeParse(line);
	if (!body.success || line.done_at !== undefined) return undefined;
	return {
		runId: run_id,
		dialog,
		...(message_id !== undefined && { messageId: message_id }),
		sessionKey: session_key,
		...withoutGaps(body.data),
		receivedAt: received_at,
		...(line.taken_by !== undefined && { takenBy: line.taken_by }),
		...(line.attempts
			? { attempts: line.attempts }
			: line.taken_by !== undefined && { attempts: 1 }),
	};
}

/** One name for the two, of any characters. */
function nameOf(dialog: string, messageId: string): string {
	return JSON.stringify([dialog, messageId]);
}
