// The agent runtime: a message in, a turn of eight steps, an answer out.

import { type Clock, steadyClock } from "../core/clock.ts";
import { AeonError } from "../core/errors.ts";
import type { RuntimeEvent, SessionEvent, TurnResult } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import type { UserMemory } from "../core/memory.ts";
import type { InboundMessage } from "../core/message.ts";
import type { SessionStore } from "../storage/store.ts";
import type { Agent } from "./agent.ts";
import { belongsTo, chooseAgent } from "./choosing.ts";
import { type Compacted, Compactor } from "./compaction.ts";
import {
	deliverFailure,
	deliverResponse,
	postponed,
	stopped,
	tooLong,
} from "./delivery.ts";
import { Lanes } from "./lanes.ts";
import { runLoop } from "./loop.ts";
import { Recall } from "./recall.ts";
import {
	receiveMessage,
	refuseTooMany,
	sayAgain,
	takeUpMessage,
} from "./receiving.ts";
import type { Chosen, Origin, Submission, TurnRequest } from "./request.ts";
import { newRunId, Turn } from "./turn.ts";

/** What the runtime is made with. */
export interface RuntimeParts {
	store: SessionStore;
	/** The configured agents by their ids. */
	agents: ReadonlyMap<string, Agent>;
	logger: Logger;
	now?(): number;
	/** Is told everything that happens in every session. */
	observe?(event: RuntimeEvent): void;
	/** What Aeon itself has to tell the people of a session: said at the beginning of the next answer. */
	announce?(sessionKey: string): string[];
	/** What is remembered of the user of a session; where there is none, nothing is recalled for its messages. */
	memory?(sessionKey: string): UserMemory | undefined;
	/** For what waits: a real one unless a test has its own. */
	clock?: Pick<Clock, "now">;
	/** How long a request for a summary may take. */
	summaryTimeoutMs?: number;
	/** How long a turn waits for what is recalled. */
	recallTimeoutMs?: number;
}

type SessionChange = Extract<SessionEvent, { change: string }>["change"];

/** Runs the turns of all sessions: those of one session in order, those of others beside them. */
export class Runtime {
	readonly #parts: Required<RuntimeParts>;
	readonly #lanes = new Lanes();
	readonly #compactor: Compactor;
	readonly #recall: Recall;
	#agents: ReadonlyMap<string, Agent>;
	#isDraining = false;

	constructor(parts: RuntimeParts) {
		this.#agents = parts.agents;
		this.#parts = {
			now: Date.now,
			observe: () => {},
			announce: () => [],
			memory: () => undefined,
			clock: steadyClock,
			summaryTimeoutMs: 120_000,
			recallTimeoutMs: 1_500,
			...parts,
		};
		this.#recall = new Recall(this.#parts);
		this.#compactor = new Compactor({
			...this.#parts,
			onCompacted: (sessionKey) => this.#tellUpdated(sessionKey, "compacted"),
		});
	}

	/** The agents that answer from now on. Turns that run keep those they began with. */
	useAgents(agents: ReadonlyMap<string, Agent>): void {
		this.#agents = agents;
	}

	/**
	 * Takes a message in. Events are told as they happen, the last one being `agent.done` or `agent.error`. Throws `busy`
	 * where too many messages wait, `not_found` where there is no such agent, `usage` where there is no text, unless checked.
	 */
	submit(
		request: TurnRequest,
		origin: Origin,
		chosen = this.check(request),
	): Submission {
		const { sessionKey, text, attachments } = request;
		const runId = request.accepted?.runId ?? newRunId();
		const queued = this.#lanes.isBusy(sessionKey);
		this.#observe({
			type: "message.inbound",
			runId,
			sessionKey,
			text,
			attachments: attachments?.length ?? 0,
		});
		const result = this.#lanes.enqueue(
			sessionKey,
			// What begins while Aeon ends is left to the next start.
			(signal) => {
				const end = this.#isDraining ? AbortSignal.abort(postponed()) : signal;
				const join = () => this.#join(runId, request);
				return this.#take({ runId, ...chosen }, request, origin, end, join);
			},
			{ id: runId, subject: request },
		);
		return { runId, sessionKey, queued, result };
	}

	/** What waits behind a message that runs and belongs into the same turn. */
	#join(runId: string, request: TurnRequest): TurnRequest[] {
		const isWanted = (subject: unknown) =>
			belongsTo(request, subject as TurnRequest | undefined);
		const { sessionKey } = request;
		return this.#lanes.join(sessionKey, runId, isWanted) as TurnRequest[];
	}

	/** Who would answer this message, behind so many others that are about to come. Throws what `submit` would throw of it. */
	check(
		request: TurnRequest & Pick<InboundMessage, "files">,
		arriving = 0,
	): Chosen {
		const chosen = this.choose(request);
		const isEmpty = !request.attachments?.length && !request.files?.length;
		if (request.text.trim() === "" && isEmpty)
			throw new AeonError("usage", "The message is empty.");
		this.#lanes.admit(request.sessionKey, arriving);
		return chosen;
	}

	/** Stops what runs and waits in a session, in under a second whatever it is doing; false where nothing does. */
	cancel(sessionKey: string): boolean {
		return this.#lanes.cancel(sessionKey, stopped());
	}

	/** The same for one run. */
	cancelRun(runId: string): boolean {
		return this.#lanes.cancelOne(runId, stopped());
	}

	/** True where a turn of this session runs. */
	isBusy(sessionKey: string): boolean {
		return this.#lanes.isBusy(sessionKey);
	}

	/** How many turns run, and how many messages wait behind them. */
	count(): { running: number; waiting: number } {
		return this.#lanes.count();
	}

	/** Stops a session's turns and empties it; what was said is kept in the store under another key, which this gives. */
	async reset(sessionKey: string): Promise<string | undefined> {
		const archive = await this.#empty(sessionKey, () =>
			this.#parts.store.resetSession(sessionKey, this.#parts.now()),
		);
		this.#tellUpdated(sessionKey, "reset");
		return archive;
	}

	/** Stops a session's turns and deletes it and all that was said in it. False where there is none. */
	async delete(sessionKey: string): Promise<boolean> {
		const wasThere = await this.#empty(sessionKey, () =>
			this.#parts.store.deleteSession(sessionKey),
		);
		if (wasThere) this.#tellUpdated(sessionKey, "deleted");
		return wasThere;
	}

	/** Stops all that is done in a session, and then does this. */
	#empty<T>(sessionKey: string, work: () => Promise<T>): Promise<T> {
		this.cancel(sessionKey);
		return this.#compactor.without(sessionKey, () =>
			this.#lanes.enqueue(sessionKey, work),
		);
	}

	/**
	 * Sums up a session at once, all but its last two turns, or joins where that is under way; the messages stay. Throws
	 * what the model threw, and `not_found` where there is no such agent; then nothing has changed.
	 */
	async compact(sessionKey: string): Promise<Compacted> {
		const { agent } = chooseAgent(this.#agents, { sessionKey });
		return this.#compactor.compact(sessionKey, agent);
	}

	/** Lets what runs go on, and resolves when it has ended. Accepted messages that wait are left to the next start. */
	async drain(): Promise<void> {
		this.#isDraining = true;
		this.#lanes.cancelWaiting(postponed());
		await Promise.all([this.#compactor.close(), this.#lanes.idle()]);
	}

	/** Stops every turn and waits until each has said so. Those of accepted messages go on after the next start. */
	async stop(): Promise<void> {
		this.#lanes.cancelAll((subject) =>
			(subject as TurnRequest | undefined)?.accepted ? postponed() : stopped(),
		);
		await Promise.all([this.#compactor.close(), this.#lanes.idle()]);
	}

	async #take(
		{ runId, agent, model }: Chosen & { runId: string },
		request: TurnRequest,
		origin: Origin,
		signal: AbortSignal,
		join: () => TurnRequest[],
	): Promise<TurnResult> {
		const { store, logger, now } = this.#parts;
		const { sessionKey } = request;
		const controller = new AbortController();
		const turnSignal = AbortSignal.any([signal, controller.signal]);
		const turn = new Turn({
			runId,
			agent,
			model,
			sessionKey,
			store,
			logger,
			now,
			signal: turnSignal,
			onEvent: (event) => {
				origin.tell(event);
				this.#observe(event);
			},
			approve: (question) => origin.approve(question, turnSignal),
			send: (message) => origin.send(message),
		});
		const timer = setTimeout(
			() => controller.abort(tooLong(agent)),
			agent.maxTurnMs,
		);
		this.#compactor.beginTurn(turn);
		try {
			return await this.#runTurn(turn, request, join);
		} finally {
			clearTimeout(timer);
			this.#tellUpdated(sessionKey, "turn");
			this.#compactor.endTurn(turn);
		}
	}

	#tellUpdated(sessionKey: string, change: SessionChange): void {
		this.#observe({ type: "session.updated", sessionKey, change });
	}

	/** Tells whoever watches; what goes wrong there must not touch a turn. */
	#observe(event: RuntimeEvent): void {
		try {
			this.#parts.observe(event);
		} catch (error) {
			this.#parts.logger.error("observer.failed", { error });
		}
	}

	/** The eight steps of a turn. Steps 3 to 7 repeat while the model asks for tools. */
	async #runTurn(
		turn: Turn,
		request: TurnRequest,
		join: () => TurnRequest[],
	): Promise<TurnResult> {
		const { attempts = 0, isTaken, joined = [] } = request.accepted ?? {};
		turn.tell({
			type: "agent.start",
			...(attempts > 0 && { attempt: attempts + 1 }),
		});
		try {
			refuseTooMany(attempts);
			const isThere = isTaken && (await takeUpMessage(turn, joined));
			if (!isThere) await receiveMessage(turn, request, join, this.#recall); // 1, and 2 load context
			this.#announce(turn);
			const had = isThere ? sayAgain(turn) : undefined;
			const stopReason = had ?? (await runLoop(turn)); // 3 build prompt, 4 call model, 5 process stream, 6 execute tools, 7 save session
			return deliverResponse(turn, turn.result(stopReason)); // 8 deliver response
		} catch (error) {
			return deliverFailure(turn, error); // 8, where there is no whole answer
		}
	}

	#announce(turn: Turn): void {
		for (const sentence of this.#parts.announce(turn.parts.sessionKey))
			turn.remark(sentence);
		turn.breakParagraph();
	}

	/** Who answers. Throws `not_found` where there is no such agent. */
	choose(request: TurnRequest): Chosen {
		return chooseAgent(this.#agents, request);
	}
}
