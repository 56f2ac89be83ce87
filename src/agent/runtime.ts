// The agent runtime: a message in, a turn of eight steps, an answer out.

import { orAborted } from "../core/abort.ts";
import type { ApprovalRequest, Decision } from "../core/approval.ts";
import { AeonError } from "../core/errors.ts";
import type { RuntimeEvent, TurnEvent, TurnResult } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import type { Attachment } from "../core/message.ts";
import { parseSessionKey } from "../core/session.ts";
import type { SessionStore } from "../storage/store.ts";
import type { Agent, ToolRun } from "./agent.ts";
import {
	deliverFailure,
	deliverResponse,
	postponed,
	stopped,
	tooLong,
} from "./delivery.ts";
import { fromFirstTurn, lastTurns, splitTurns } from "./history.ts";
import { Lanes } from "./lanes.ts";
import { runLoop } from "./loop.ts";
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
}

/** What somebody said to an agent. */
export interface TurnRequest {
	/** Names the agent, too. */
	sessionKey: string;
	text: string;
	attachments?: Attachment[];
	/** Another agent, whose model answers, or another model of the agent's provider. */
	model?: string;
	/** The run it was accepted for: it waits in the store until its turn takes it in. */
	acceptedFor?: string;
}

/** A message that was taken in. */
export interface Submission {
	runId: string;
	sessionKey: string;
	/** Another turn of the session has to end first. */
	queued: boolean;
	/** Resolves when its turn has ended, however it ended: `error` in it says why there is no whole answer. */
	result: Promise<TurnResult>;
}

/** Where a message came from: what its turn tells, asks and sends goes there. */
export interface Origin {
	/** Is told every event as it happens. */
	tell(event: TurnEvent): void;
	/** Asks the person whether a command may run. */
	approve(request: ApprovalRequest, signal: AbortSignal): Promise<Decision>;
	/** Sends what a tool wants sent, and says where it went. */
	send: ToolRun["send"];
}

/** Who answers: an agent, and the model in place of its own. */
export interface Chosen {
	agent: Agent;
	model: string | undefined;
}

/** Runs the turns of all sessions: those of one session in order, those of others beside them. */
export class Runtime {
	readonly #parts: Required<RuntimeParts>;
	readonly #lanes = new Lanes();
	#agents: ReadonlyMap<string, Agent>;
	#isDraining = false;

	constructor(parts: RuntimeParts) {
		this.#agents = parts.agents;
		this.#parts = {
			now: Date.now,
			observe: () => {},
			announce: () => [],
			...parts,
		};
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
		const runId = request.acceptedFor ?? newRunId();
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
				return this.#take({ runId, ...chosen }, request, origin, end);
			},
			runId,
		);
		return { runId, sessionKey, queued, result };
	}

	/** Who would answer this message, behind so many others that are about to come. Throws what `submit` would throw of it. */
	check(request: TurnRequest, arriving = 0): Chosen {
		const chosen = this.choose(request);
		if (request.text.trim() === "" && !request.attachments?.length)
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

	/** How many turns run, and how many messages wait behind them. */
	count(): { running: number; waiting: number } {
		return this.#lanes.count();
	}

	/** Stops a session's turns and empties it; what was said is kept in the store under another key, which this gives. */
	async reset(sessionKey: string): Promise<string | undefined> {
		this.cancel(sessionKey);
		const archive = await this.#lanes.enqueue(sessionKey, () =>
			this.#parts.store.resetSession(sessionKey, this.#parts.now()),
		);
		this.#observe({ type: "session.updated", sessionKey, change: "reset" });
		return archive;
	}

	/** Stops a session's turns and deletes it and all that was said in it. False where there is none. */
	async delete(sessionKey: string): Promise<boolean> {
		this.cancel(sessionKey);
		const wasThere = await this.#lanes.enqueue(sessionKey, () =>
			this.#parts.store.deleteSession(sessionKey),
		);
		if (wasThere)
			this.#observe({ type: "session.updated", sessionKey, change: "deleted" });
		return wasThere;
	}

	/** Lets what runs go on, and resolves when it has ended. Accepted messages that wait are left to the next start. */
	async drain(): Promise<void> {
		this.#isDraining = true;
		this.#lanes.cancelWaiting(postponed());
		await this.#lanes.idle();
	}

	/** Stops every turn and waits until each has said so. */
	async stop(): Promise<void> {
		this.#lanes.cancelAll(stopped());
		await this.#lanes.idle();
	}

	async #take(
		{ runId, agent, model }: Chosen & { runId: string },
		request: TurnRequest,
		origin: Origin,
		signal: AbortSignal,
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
		try {
			return await this.#runTurn(turn, request);
		} finally {
			clearTimeout(timer);
			this.#observe({ type: "session.updated", sessionKey, change: "turn" });
		}
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
	async #runTurn(turn: Turn, request: TurnRequest): Promise<TurnResult> {
		turn.tell({ type: "agent.start" });
		try {
			await this.#receiveMessage(turn, request); // 1
			this.#announce(turn);
			await this.#loadContext(turn); // 2
			const stopReason = await runLoop(turn); // 3 build prompt, 4 call model, 5 process stream, 6 execute tools, 7 save session
			return deliverResponse(turn, turn.result(stopReason)); // 8 deliver response
		} catch (error) {
			return deliverFailure(turn, error); // 8, where there is no whole answer
		}
	}

	/** Step 1: receive message. It is in the store before anything is done about it. */
	async #receiveMessage(turn: Turn, request: TurnRequest): Promise<void> {
		const { text, attachments, acceptedFor } = request;
		turn.parts.signal.throwIfAborted();
		this.#parts.logger.debug("turn.message", { run: turn.runId, text });
		await turn.keep(
			{
				role: "user",
				content: text.toWellFormed(),
				...(attachments && { attachments }),
			},
			acceptedFor !== undefined,
		);
	}

	#announce(turn: Turn): void {
		for (const sentence of this.#parts.announce(turn.parts.sessionKey))
			turn.remark(sentence);
		turn.breakParagraph();
	}

	/**
	 * Step 2: load context: the last messages, from the beginning of a turn on. The turn before this one is always whole in
	 * it, however many tools it called: it is what "go on" goes on from.
	 */
	async #loadContext(turn: Turn): Promise<void> {
		const { store, sessionKey, agent, signal } = turn.parts;
		for (let limit = agent.historyLimit; ; limit *= 2) {
			const read = store.getHistory(sessionKey, limit);
			const history = await orAborted(read, signal);
			const isAll = history.length < limit;
			turn.context =
				limit === agent.historyLimit
					? fromFirstTurn(history)
					: lastTurns(history, 2);
			if (isAll || splitTurns(turn.context).length > 1) return;
		}
	}

	/** The agent of a session, or the one whose model was asked for; a model's name is handed on to the provider. */
	choose({ sessionKey, model }: TurnRequest): Chosen {
		const agents = this.#agents;
		const { agentId } = parseSessionKey(sessionKey);
		const agent = agents.get(agentId);
		if (!agent)
			throw new AeonError(
				"not_found",
				`There is no agent "${agentId}": agents are ${[...agents.keys()].join(", ")}`,
			);
		const other = model === undefined ? undefined : agents.get(model);
		if (!other) return { agent, model };
		return { agent: { ...agent, llm: other.llm }, model: undefined };
	}
}
