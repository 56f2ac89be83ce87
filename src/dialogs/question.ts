// The question whether a command may run, as every dialog with buttons asks it.

import type { ApprovalRequest, Decision } from "../core/approval.ts";
import type { Clock } from "../core/clock.ts";
import { visible } from "../core/terminal.ts";

/** Nobody is waited for longer. */
const LIMIT_MS = 5 * 60 * 1000;

const BUTTON = /^q:(\w+):(allow|always|deny)$/;

/** What is said where nobody has answered in that time. */
export const UNANSWERED = "Nobody answered in five minutes: not allowed.";

/** What is said to an answer that comes too late, or once more. */
export const CLOSED = "This question is closed.";

/** How a question came to its end. */
export type End = Decision | "expired" | "stopped";

/** A question that is over. */
export interface Closed {
	end: End;
	decision: Decision;
	/** Resolves when nothing of it is on its way any more. */
	shown: Promise<void>;
}

/** The questions that wait, each for the answer of one person. */
export class OpenQuestions<Person> {
	readonly #clock: Clock;
	readonly #open = new Map<
		string,
		{ person: Person; decide(decision: Decision): void }
	>();

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/**
	 * Shows a question, whose buttons have this name, and waits for its answer: no where none comes in five minutes, or
	 * before the signal is aborted, or where it cannot be shown.
	 */
	async ask(
		person: Person,
		show: (name: string, until: AbortSignal) => Promise<void>,
		signal: AbortSignal,
		failed: (error: unknown) => void,
	): Promise<Closed> {
		const name = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
		const { promise, resolve: decide } = Promise.withResolvers<Decision>();
		this.#open.set(name, { person, decide });
		const over = new AbortController();
		const until = AbortSignal.any([signal, over.signal]);
		const expiry = this.#clock
			.sleep(LIMIT_MS, until)
			.then(() => "expired" as const)
			.catch(() => "stopped" as const);
		const shown = show(name, until).catch((error) => {
			if (!until.aborted) failed(error);
			// Nobody was asked, so nobody said yes.
			decide("deny");
		});
		const end: End = await Promise.race([promise, expiry]);
		this.#open.delete(name);
		over.abort();
		const isDecided = end !== "expired" && end !== "stopped";
		return { end, decision: isDecided ? end : "deny", shown };
	}

	/** Nobody can answer it, so nobody says yes. */
	giveUp(name: string): void {
		this.#open.get(name)?.decide("deny");
	}

	/** Somebody pressed the button with this id: their answer, which counts once; `closed` or `foreign` where it counts nothing. */
	press(id: string, person: Person): Decision | "closed" | "foreign" {
		const [, name = "", word] = BUTTON.exec(id) ?? [];
		const question = this.#open.get(name);
		if (!question) return "closed";
		if (question.person !== person) return "foreign";
		const decision = word as Decision;
		this.#open.delete(name);
		question.decide(decision);
		return decision;
	}
}

/** What a button of a question is called by. */
export function buttonId(name: string, decision: Decision): string {
	return `q:${name}:${decision}`;
}

/** The name of the question that a button belongs to; undefined where it is no question's. */
export function questionOf(id: string): string | undefined {
	return /^q:(\w*)/.exec(id)?.[1];
}

/** The question in Markdown: exactly what would run, with what is invisible in it made visible. */
export function describeRequest({
	tool,
	command,
	cwd,
}: ApprovalRequest): string {
	const shown = command.split("\n").map(visible).join("\n");
	const longest = Math.max(
		2,
		...[...shown.matchAll(/`+/g)].map(([ticks]) => ticks.length),
	);
	const fence = "`".repeat(longest + 1);
	const place = `${fence}\n${visible(cwd)}\n${fence}`;
	return `Aeon wants to run this command (${tool}):\n\n${fence}\n${shown}\n${fence}\n\nin\n\n${place}`;
}
