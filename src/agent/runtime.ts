// The agent runtime: a message in, a turn of eight steps, an answer out.

import { AeonError } from "../core/errors.ts";
import type { RuntimeEvent, TurnResult } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import type { InboundMessage } from "../core/message.ts";
import { parseSessionKey } from "../core/session.ts";
import type { SessionStore } from "../storage/store.ts";
import type { Agent } from "./agent.ts";
import {
	deliverFailure,
	deliverResponse,
	postponed,
	stopped,
	tooLong,
} from "./delivery.ts";
import { Lanes } from "./lanes.ts";
import { runLoop } from "./loop.ts";
import {
	loadContext,
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
		const { sessionKey, accepted, model } = request;
		const isWanted = (subject: unknown) => {
			const next = subject as TurnRequest | undefined;
			return (
				accepted?.group !== undefined &&
				next?.accepted?.group === accepted.group &&
				next.accepted.attempts === undefined &&
				next.model === model
			);
		};
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

	/** Stops every turn and waits until each has said so. Those of accepted messages go on after the next start. */
	async stop(): Promise<void> {
		this.#lanes.cancelAll((subject) =>
			(subject as TurnRequest | undefined)?.accepted ? postponed() : stopped(),
		);
		await this.#lanes.idle();
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
		try {
			return await this.#runTurn(turn, request, join);
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
			if (!isThere) await receiveMessage(turn, request, join); // 1
			this.#announce(turn);
			await loadContext(turn); // 2
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
