// Long conversations are summed up beside the talking: when that begins, whose turn it is, what ends it.

import type { Clock } from "../core/clock.ts";
import { AeonError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { SessionStore } from "../storage/store.ts";
import type { Agent } from "./agent.ts";
import { KEPT_TURNS, type Kept, MAX_ID } from "./backlog.ts";
import { estimateTokens } from "./budget.ts";
import { stopped } from "./delivery.ts";
import { splitTurns } from "./history.ts";
import { choosePictures } from "./pictures.ts";
import { estimateShown, SUMMARY_SHARE, tokenBudget } from "./prompt.ts";
import { type Reached, sumUp } from "./summarising.ts";
import type { Turn } from "./turn.ts";

/** What a compaction came to. */
export interface Compacted {
	/** Messages that the summary stands for now and did not before; 0 where there was nothing to sum up. */
	messages: number;
	/** The summary of the session as it is now. */
	summary?: string;
}

/** What a compactor is made with. */
export interface CompactorParts {
	store: SessionStore;
	logger: Logger;
	/** For the pauses after failures. */
	clock: Pick<Clock, "now">;
	/** Milliseconds since 1970, for what is kept. */
	now(): number;
	/** How long a request may take, in milliseconds. */
	summaryTimeoutMs: number;
	/** Is told of every session that has a new summary. */
	onCompacted(sessionKey: string): void;
}

/** After a failure a session is left alone for so long, and twice as long after each further one. */
const MIN_REST_MS = 60_000;
const MAX_REST_MS = 3_600_000;

/** So many sessions that had failures are remembered. */
const MAX_RESTING = 100;

/** Of a threshold what the newest turns may keep. */
const KEPT_SHARE = 0.5;

const NOTHING: Kept = { tokens: 0, messages: 0 };

interface Job {
	sessionKey: string;
	agent: Agent;
	kept: Kept;
	controller: AbortController;
	result: PromiseWithResolvers<Compacted>;
}

interface Rest {
	failures: number;
	/** By the clock. */
	until: number;
}

/** Sums up sessions, one after the other. It holds nothing of those where nothing is to be done. */
export class Compactor {
	readonly #parts: CompactorParts;
	/** By session, the turn that runs. */
	readonly #running = new Map<string, Turn>();
	/** The first one runs. */
	#jobs: Job[] = [];
	/** The one that failed last comes last. */
	readonly #resting = new Map<string, Rest>();
	/** Sessions that are being emptied, and how often at once. */
	readonly #barred = new Map<string, number>();
	#working: Promise<void> | undefined;
	#isClosed = false;

	constructor(parts: CompactorParts) {
		this.#parts = parts;
	}

	/** A turn begins: what it adds to its session is not summed up before it has ended. */
	beginTurn(turn: Turn): void {
		const { sessionKey, signal } = turn.parts;
		// One that was cancelled while it waited adds nothing, and another one may run.
		if (!signal.aborted) this.#running.set(sessionKey, turn);
	}

	/** A turn has ended: where its session has become too long, it is summed up. Waits for nothing, and throws nothing. */
	endTurn(turn: Turn): void {
		const { sessionKey } = turn.parts;
		if (this.#running.get(sessionKey) === turn)
			this.#running.delete(sessionKey);
		try {
			this.#consider(turn);
		} catch (error) {
			this.#parts.logger.error("compaction.fault", { error });
		}
	}

	#consider(turn: Turn): void {
		const { sessionKey, agent } = turn.parts;
		if (this.#isClosed || this.#barred.has(sessionKey)) return;
		if (this.#find(sessionKey) || this.#isResting(sessionKey)) return;
		if (!isDue(turn)) return;
		const share = agent.compaction.at * KEPT_SHARE;
		const job = openJob(sessionKey, agent, {
			tokens: roomOf(turn) * share,
			messages: agent.historyLimit * share,
		});
		// What went wrong is in the log, and nobody waits for it.
		job.result.promise.catch(() => {});
		this.#begin([...this.#jobs, job]);
	}

	/**
	 * Sums up all but the last two turns, whatever the threshold and before what nobody waits for; or joins where that is
	 * under way. Throws what `sumUp` throws where it came to nothing.
	 */
	async compact(sessionKey: string, agent: Agent): Promise<Compacted> {
		if (this.#isClosed) throw ending();
		if (this.#barred.has(sessionKey)) return { messages: 0 };
		const job = this.#find(sessionKey) ?? openJob(sessionKey, agent, NOTHING);
		const [first, ...others] = this.#jobs.filter((one) => one !== job);
		const isRunning = job === this.#jobs[0];
		if (!isRunning) {
			job.kept = NOTHING;
			this.#begin(first ? [first, job, ...others] : [job]);
		}
		return job.result.promise;
	}

	/** Runs what empties a session: nothing of it is summed up meanwhile, and what was being summed up is never kept. */
	async without<T>(sessionKey: string, work: () => Promise<T>): Promise<T> {
		const count = (change: number) => {
			const times = (this.#barred.get(sessionKey) ?? 0) + change;
			if (times > 0) this.#barred.set(sessionKey, times);
			else this.#barred.delete(sessionKey);
		};
		count(1);
		this.#end((job) => job.sessionKey === sessionKey, stopped());
		try {
			return await work();
		} finally {
			count(-1);
		}
	}

	/** Ends what runs and what waits, in under a second. Nothing is summed up afterwards. */
	async close(): Promise<void> {
		this.#isClosed = true;
		this.#end(() => true, ending());
		await this.#working;
	}

	/** The job of a session, unless it is about to end for nothing. */
	#find(sessionKey: string): Job | undefined {
		return this.#jobs.find(
			({ controller, ...job }) =>
				job.sessionKey === sessionKey && !controller.signal.aborted,
		);
	}

	#begin(jobs: Job[]): void {
		this.#jobs = jobs;
		this.#working ??= this.#work();
	}

	#end(isMeant: (job: Job) => boolean, reason: AeonError): void {
		const [first, ...waiting] = this.#jobs;
		if (!first) return;
		if (isMeant(first)) first.controller.abort(reason);
		for (const { result } of waiting.filter(isMeant)) result.reject(reason);
		this.#jobs = [first, ...waiting.filter((job) => !isMeant(job))];
	}

	async #work(): Promise<void> {
		for (let job = this.#jobs[0]; job; job = this.#jobs[0]) {
			const settle = await this.#run(job);
			this.#jobs.shift();
			settle();
		}
		this.#working = undefined;
	}

	/** Does a job, and gives how whoever waits for it is told. */
	async #run({
		sessionKey,
		controller: { signal },
		result,
		...job
	}: Job): Promise<() => void> {
		const { store, logger, now, summaryTimeoutMs: timeoutMs } = this.#parts;
		const runningFrom = () => this.#running.get(sessionKey)?.beginsAt;
		const limits = { signal, timeoutMs, now, runningFrom };
		const reached: Reached = { messages: 0, requests: 0, summary: undefined };
		// The turn that led to this is to be told first.
		await new Promise(setImmediate);
		try {
			await sumUp({ store, sessionKey, ...job, ...limits }, reached);
			this.#resting.delete(sessionKey);
		} catch (error) {
			if (signal.aborted) return () => result.reject(signal.reason);
			this.#rest(sessionKey, error);
			if (reached.messages === 0) return () => result.reject(error);
		}
		const { messages, requests, summary } = reached;
		if (messages > 0) {
			logger.info("compaction.done", {
				session: sessionKey,
				messages,
				requests,
			});
			this.#parts.onCompacted(sessionKey);
		}
		const isThere = summary !== undefined;
		return () => result.resolve({ messages, ...(isThere && { summary }) });
	}

	#isResting(sessionKey: string): boolean {
		const { until = 0 } = this.#resting.get(sessionKey) ?? {};
		return this.#parts.clock.now() < until;
	}

	/** Leaves a session alone for a while. */
	#rest(sessionKey: string, error: unknown): void {
		const { logger, clock } = this.#parts;
		const { failures = 0 } = this.#resting.get(sessionKey) ?? {};
		const restMs = Math.min(MAX_REST_MS, MIN_REST_MS * 2 ** failures);
		this.#resting.delete(sessionKey);
		this.#resting.set(sessionKey, {
			failures: failures + 1,
			until: clock.now() + restMs,
		});
		const [oldest] = this.#resting.keys();
		if (oldest !== undefined && this.#resting.size > MAX_RESTING)
			this.#resting.delete(oldest);
		const rest_seconds = restMs / 1000;
		logger.warn("compaction.failed", {
			session: sessionKey,
			error,
			rest_seconds,
		});
	}
}

/** What of a turn tells whether its session has become too long. */
type DueTurn = Pick<Turn, "context" | "isCut" | "summary"> & {
	parts: { agent: Agent };
};

/** Tokens that there are for messages beside the summary. */
function roomOf({
	summary,
	parts: { agent },
}: Pick<DueTurn, "summary" | "parts">): number {
	const room = tokenBudget(agent);
	const taken = summary ? estimateTokens(summary.content) : 0;
	return room - Math.min(taken, room * SUMMARY_SHARE);
}

/**
 * True where a session has become too long by what its turn knows of it: all that was said since the summary, or that it
 * was more than the turn may see.
 */
export function isDue({ context, isCut, summary, parts }: DueTurn): boolean {
	const { agent } = parts;
	const { at } = agent.compaction;
	const last = context.at(-1);
	if (at === 0 || !last || last.id > MAX_ID) return false;
	// With the next turn's message and answer one would be left out that no summary has.
	if (isCut || context.length + 2 > agent.historyLimit) return true;
	if (splitTurns(context).length <= KEPT_TURNS) return false;
	const room = roomOf({ summary, parts });
	return estimateShown(choosePictures(context, room / 2)) > at * room;
}

function openJob(sessionKey: string, agent: Agent, kept: Kept): Job {
	const controller = new AbortController();
	const result = Promise.withResolvers<Compacted>();
	return { sessionKey, agent, kept, controller, result };
}

/** Why a compaction ends with the process. */
function ending(): AeonError {
	return new AeonError("shutting_down", "Aeon is stopping.");
}
