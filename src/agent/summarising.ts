// One session is summed up: request by request, each extending the last summary and kept at once.

import { orAborted } from "../core/abort.ts";
import { AeonError } from "../core/errors.ts";
import type { SummaryMessage, Usage } from "../core/message.ts";
import type { CompletionRequest, LlmClient } from "../llm/client.ts";
import type { SessionStore, StoredSummary } from "../storage/store.ts";
import type { Agent } from "./agent.ts";
import {
	chooseCut,
	isSame,
	type Kept,
	type PastTurn,
	readBacklog,
	takeChunk,
} from "./backlog.ts";
import { clipToTokens, estimateMessages, estimateTokens } from "./budget.ts";
import { isInOrder } from "./context.ts";
import { isSpoken } from "./history.ts";
import { tokenBudget } from "./prompt.ts";
import {
	finishSummary,
	splitFiles,
	summaryLength,
	summaryRequest,
} from "./summary.ts";

/** Requests in one go; what is left is summed up after the next turn. */
const MAX_REQUESTS = 12;

/** Tokens of a request, however large the window of its writer is: a Pi has to hold it, and half a novel is summed up badly. */
const MAX_REQUEST_TOKENS = 100_000;

/** With less room for a transcript nothing sensible can be asked. */
const MIN_TRANSCRIPT_TOKENS = 100;

/** Of what was said so many windows are summed up; what is older is still found by searching. */
const MAX_WINDOWS = 4;

/** How long a summary may take to be kept once all is stopped; it may still be kept after that. */
const SAVE_ABORT_MS = 400;

/** What is to be summed up, and with what. */
export interface Task {
	store: SessionStore;
	sessionKey: string;
	/** Whose room the summary is for, and who knows its writer. */
	agent: Agent;
	/** What stays as it is. */
	kept: Kept;
	/** Once this is aborted nothing is kept any more. */
	signal: AbortSignal;
	/** How long a request may take. */
	timeoutMs: number;
	/** Milliseconds since 1970. */
	now(): number;
	runningFrom(): number | undefined;
}

/** How far it came. */
export interface Reached {
	/** Messages that the summary stands for and did not before. */
	messages: number;
	requests: number;
	summary: string | undefined;
}

/**
 * Sums up what is too long of a session. `reached` says at every moment what is kept already, also where this throws: what
 * the model or the store threw, `llm_rejected` where the model gave no summary, `timeout`, `too_large` where the writer's
 * window is too small, `conflict` where the session is not any more what was read.
 */
export async function sumUp(task: Task, reached: Reached): Promise<void> {
	const { store, sessionKey, agent, signal, now } = task;
	const writer = agent.compaction.llm;
	const length = summaryLength(tokenBudget(agent));
	let { previous, latestId, turns } = await readTurns(task);
	reached.summary = previous?.content;
	while (turns.length > 0 && reached.requests < MAX_REQUESTS) {
		signal.throwIfAborted();
		const before = splitFiles(previous?.content ?? "");
		const { chunk, request } = fill(writer, before.text, length.words, turns);
		if (!chunk) return;
		reached.requests++;
		const answer = await ask(writer, request, task);
		const files = [...before.files, ...chunk.files];
		const summary: SummaryMessage = {
			role: "summary",
			content: finishSummary(answer.text, files, length),
			through: chunk.end.id,
			...(answer.usage && { usage: answer.usage }),
			...(answer.model !== undefined && { model: answer.model }),
		};
		await confirm(task, chunk, latestId);
		signal.throwIfAborted();
		// Nothing may come between that look and this: what is aborted is not kept.
		const saving = store.saveMessage(sessionKey, summary, now());
		const { id, timestamp } = await orAborted(saving, signal, SAVE_ABORT_MS);
		previous = { ...summary, id, timestamp };
		latestId = id;
		reached.messages += chunk.messages;
		reached.summary = summary.content;
	}
}

interface Reading {
	/** The summary to go on from. */
	previous: StoredSummary | undefined;
	/** The id of the last one, whether it can be gone on from or not; 0 where there is none. */
	latestId: number;
	turns: PastTurn[];
}

/** What is to be summed up. */
async function readTurns(task: Task): Promise<Reading> {
	const { store, sessionKey, signal, kept, runningFrom, agent } = task;
	const maxTokens = MAX_WINDOWS * requestTokens(agent.compaction.llm);
	const read = (through: number) =>
		readBacklog({
			store,
			sessionKey,
			signal,
			through,
			maxTokens,
			runningFrom,
		});
	const found = await orAborted(store.findSummary(sessionKey), signal);
	let previous = found && isInOrder(found) ? found : undefined;
	let turns = await read(previous?.through ?? 0);
	// As in a turn: a summary that nothing comes after is not of this store.
	if (previous && turns.length === 0) {
		previous = undefined;
		turns = await read(0);
	}
	const old = turns.slice(0, chooseCut(turns, kept));
	return { previous, latestId: found?.id ?? 0, turns: old };
}

/** Tokens that a request to a writer may have. */
function requestTokens({ contextWindow, maxAnswerTokens }: LlmClient): number {
	return Math.min(MAX_REQUEST_TOKENS, contextWindow - maxAnswerTokens);
}

/** A request with as many of the turns as go into it; they are taken out of the list. Throws `too_large`. */
function fill(
	writer: LlmClient,
	before: string,
	words: number,
	turns: PastTurn[],
): { chunk: PastTurn | undefined; request: CompletionRequest } {
	const room = requestTokens(writer);
	const compose = (previous: string, transcript: string) =>
		summaryRequest(previous || undefined, transcript, words);
	const free = (previous: string) => room - sizeOf(compose(previous, ""));
	// The earlier summary may be of an agent with a larger window.
	const previous = clipToTokens(before, Math.floor(free("") / 2));
	const left = free(previous);
	if (left < MIN_TRANSCRIPT_TOKENS)
		throw new AeonError(
			"too_large",
			`The window of ${writer.label} is too small to sum up a conversation`,
			{ hint: "compaction.agent may name an agent with a larger one." },
		);
	const chunk = takeChunk(turns, left);
	return { chunk, request: compose(previous, chunk?.transcript ?? "") };
}

function sizeOf({ system, messages }: CompletionRequest): number {
	return estimateTokens(system) + estimateMessages(messages);
}

interface Answer {
	text: string;
	usage: Usage | undefined;
	model: string | undefined;
}

/** The writer's answer, in time. */
async function ask(
	writer: LlmClient,
	request: CompletionRequest,
	{ signal, timeoutMs }: Task,
): Promise<Answer> {
	const late = new AbortController();
	const either = AbortSignal.any([signal, late.signal]);
	const message = `${writer.label} gave no summary in ${timeoutMs / 1000} s`;
	const timer = setTimeout(
		() => late.abort(new AeonError("timeout", message)),
		timeoutMs,
	);
	try {
		return await orAborted(collect(writer, request, either), either);
	} finally {
		clearTimeout(timer);
	}
}

async function collect(
	writer: LlmClient,
	request: CompletionRequest,
	signal: AbortSignal,
): Promise<Answer> {
	const answer: Answer = { text: "", usage: undefined, model: undefined };
	let isRefused = false;
	for await (const event of writer.streamCompletion(request, signal)) {
		if (event.type === "text_delta") answer.text += event.text;
		else if (event.type === "usage") answer.usage = event.usage;
		else if (event.type === "tool_call") isRefused = true;
		else if (event.type === "stop") {
			answer.model = event.model;
			isRefused ||= event.reason === "refusal";
		}
	}
	if (isRefused || splitFiles(answer.text).text === "")
		throw new AeonError("llm_rejected", `${writer.label} gave no summary`);
	return answer;
}

/**
 * Throws `conflict` where the store does not hold, or not any more, what was summed up: it was kept in memory only, or the
 * session was emptied, or another process has summed it up.
 */
async function confirm(
	{ store, sessionKey, signal }: Task,
	{ end }: PastTurn,
	latestId: number,
): Promise<void> {
	const reading = Promise.all([
		store.getHistory(sessionKey, 1, end.id + 1),
		store.findSummary(sessionKey),
	]);
	const [[last], latest] = await orAborted(reading, signal);
	const found = last && isSpoken(last) ? last : undefined;
	const isLatest = (latest?.id ?? 0) === latestId;
	if (!isSame(end, found) || !isLatest)
		throw new AeonError(
			"conflict",
			"The summary does not fit what the store holds now",
		);
}
