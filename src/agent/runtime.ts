// The agent runtime: a message in, a turn of eight steps, an answer out.

import { orAborted } from "../core/abort.ts";
import type { ApprovalRequest, Decision } from "../core/approval.ts";
import { AeonError, describeError } from "../core/errors.ts";
import type { TurnEvent, TurnResult } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import type { Attachment } from "../core/message.ts";
import { parseSessionKey } from "../core/session.ts";
import type { SessionStore } from "../storage/store.ts";
import type { Agent, ToolRun } from "./agent.ts";
import { fromFirstTurn, lastTurns, splitTurns } from "./history.ts";
import { Lanes } from "./lanes.ts";
import { runLoop } from "./loop.ts";
import { Turn } from "./turn.ts";

/** What the runtime is made with. */
export interface RuntimeParts {
	store: SessionStore;
	/** The configured agents by their ids. */
	agents: ReadonlyMap<string, Agent>;
	logger: Logger;
	now?(): number;
}

/** What somebody said to an agent. */
export interface TurnRequest {
	/** Names the agent, too. */
	sessionKey: string;
	text: string;
	attachments?: Attachment[];
	/** Another agent, whose model answers, or another model of the agent's provider. */
	model?: string;
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

/** Runs the turns of all sessions: those of one session in order, those of others beside them. */
export class Runtime {
	readonly #parts: Required<RuntimeParts>;
	readonly #lanes = new Lanes();

	constructor(parts: RuntimeParts) {
		this.#parts = { now: Date.now, ...parts };
	}

	/**
	 * Takes a message in. Resolves when its turn has ended, however it ended: `error` in the result says why there is no
	 * whole answer. Events are told as they happen, the last one being `agent.done` or `agent.error`. Rejects with `busy`
	 * where too many messages wait, `not_found` where there is no such agent, `usage` where the message is empty.
	 */
	async submit(request: TurnRequest, origin: Origin): Promise<TurnResult> {
		const { agent, model } = this.#agentFor(request);
		if (request.text.trim() === "" && !request.attachments?.length)
			throw new AeonError("usage", "The message is empty.");
		return this.#lanes.enqueue(request.sessionKey, async (signal) => {
			const { store, logger, now } = this.#parts;
			const { sessionKey } = request;
			const controller = new AbortController();
			const turnSignal = AbortSignal.any([signal, controller.signal]);
			const turn = new Turn({
				agent,
				model,
				sessionKey,
				store,
				logger,
				now,
				signal: turnSignal,
				onEvent: (event) => origin.tell(event),
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
			}
		});
	}

	/** Stops what runs and waits in a session, in under a second whatever it is doing; false where nothing does. */
	cancel(sessionKey: string): boolean {
		return this.#lanes.cancel(sessionKey, stopped());
	}

	/** Stops a session's turns and empties it; what was said is kept in the store under another key. */
	async reset(sessionKey: string): Promise<void> {
		this.cancel(sessionKey);
		await this.#lanes.enqueue(sessionKey, () =>
			this.#parts.store.resetSession(sessionKey, this.#parts.now()),
		);
	}

	/** Stops every turn and waits until each has said so. */
	async stop(): Promise<void> {
		this.#lanes.cancelAll(stopped());
		await this.#lanes.idle();
	}

	/** The eight steps of a turn. Steps 3 to 7 repeat while the model asks for tools. */
	async #runTurn(turn: Turn, request: TurnRequest): Promise<TurnResult> {
		turn.tell({ type: "agent.start" });
		try {
			await this.#receiveMessage(turn, request); // 1
			await this.#loadContext(turn); // 2
			const stopReason = await runLoop(turn); // 3 build prompt, 4 call model, 5 process stream, 6 execute tools, 7 save session
			return this.#deliverResponse(turn, turn.result(stopReason)); // 8
		} catch (error) {
			return this.#deliverFailure(turn, error); // 8, where there is no whole answer
		}
	}

	/** Step 1: receive message. It is in the store before anything is done about it. */
	async #receiveMessage(turn: Turn, request: TurnRequest): Promise<void> {
		const { text, attachments } = request;
		turn.parts.signal.throwIfAborted();
		this.#parts.logger.debug("turn.message", { run: turn.runId, text });
		await turn.keep({
			role: "user",
			content: text.toWellFormed(),
			...(attachments && { attachments }),
		});
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

	/** Step 8: deliver response. */
	#deliverResponse(turn: Turn, result: TurnResult): TurnResult {
		const { inputTokens, outputTokens } = result.usage;
		this.#parts.logger.info("turn.done", {
			run: result.runId,
			session: result.sessionKey,
			...turn.answeredBy,
			stop: result.stopReason,
			tools: result.toolCalls.length,
			input_tokens: inputTokens,
			output_tokens: outputTokens,
		});
		this.#parts.logger.debug("turn.answer", {
			run: result.runId,
			text: result.text,
		});
		turn.tell({ type: "agent.done", result });
		return result;
	}

	#deliverFailure(turn: Turn, thrown: unknown): TurnResult {
		const { signal } = turn.parts;
		const error = asAeonError(signal.aborted ? signal.reason : thrown);
		const { code, message, hint } = error;
		const isStopped = code === "cancelled";
		if (turn.text !== "")
			turn.remark(isStopped ? "Stopped" : `The answer was cut: ${message}`);
		const stopReason = isStopped ? "cancelled" : "cut";
		const result = turn.result(stopReason, { code, message });
		turn.tell({ type: "agent.error", result });
		this.#parts.logger[isStopped ? "info" : "error"]("turn.failed", {
			run: turn.runId,
			session: turn.parts.sessionKey,
			error,
			hint,
		});
		return result;
	}

	/** The agent of a session, or the one whose model was asked for; a model's name is handed on to the provider. */
	#agentFor({ sessionKey, model }: TurnRequest): {
		agent: Agent;
		model: string | undefined;
	} {
		const { agents } = this.#parts;
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

function stopped(): AeonError {
	return new AeonError("cancelled", "Stopped.");
}

function tooLong(agent: Agent): AeonError {
	return new AeonError(
		"timeout",
		`the turn took longer than ${agent.maxTurnMs / 1000} s`,
		{ hint: "max_turn_seconds of the agent sets this limit." },
	);
}

function asAeonError(error: unknown): AeonError {
	return error instanceof AeonError
		? error
		: new AeonError("internal", `A fault in Aeon: ${describeError(error)}`, {
				cause: error,
			});
}
