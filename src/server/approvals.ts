// Questions that wait for a person: any client may answer one, and only once.

import type { ApprovalRequest, Decision } from "../core/approval.ts";
import { AeonError } from "../core/errors.ts";
import type { EventData, WireEvent } from "./events.ts";

/** How long a question stands; after it the answer is no. */
const EXPIRES_MS = 5 * 60_000;

type Question = EventData<"approval.requested">;

/** The questions of one server. `tell` is how its clients learn of them. */
export class PendingApprovals {
	readonly #tell: (event: WireEvent) => void;
	readonly #open = new Map<
		string,
		{ question: Question; answer(decision: Decision): void }
	>();

	constructor(tell: (event: WireEvent) => void) {
		this.#tell = tell;
	}

	list(): Question[] {
		return [...this.#open.values()].map(({ question }) => question);
	}

	/** Asks, and gives the answer; `deny` where none comes in time or before the signal aborts. */
	async ask(
		sessionKey: string,
		{ tool, command, cwd }: ApprovalRequest,
		signal: AbortSignal,
	): Promise<Decision> {
		if (signal.aborted) return "deny";
		const approvalId = `approval-${crypto.randomUUID()}`;
		const expiresAt = Date.now() + EXPIRES_MS;
		const question = { approvalId, sessionKey, tool, command, cwd, expiresAt };
		const { promise, resolve } = Promise.withResolvers<Decision>();
		const refuse = () => resolve("deny");
		const timer = setTimeout(refuse, EXPIRES_MS);
		signal.addEventListener("abort", refuse, { once: true });
		this.#open.set(approvalId, { question, answer: resolve });
		this.#tell({ event: "approval.requested", data: question });
		const decision = await promise;
		clearTimeout(timer);
		signal.removeEventListener("abort", refuse);
		this.#open.delete(approvalId);
		this.#tell({
			event: "approval.resolved",
			data: { approvalId, sessionKey, decision },
		});
		return decision;
	}

	/** Answers a question. Throws `not_found` where it is not open, or not any more. */
	resolve(approvalId: string, decision: Decision): void {
		const open = this.#open.get(approvalId);
		if (!open)
			throw new AeonError(
				"not_found",
				`There is no question ${JSON.stringify(approvalId.slice(0, 80))} that waits for an answer`,
			);
		this.#open.delete(approvalId);
		open.answer(decision);
	}
}
