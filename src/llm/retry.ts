// What happens when a model is not there: the one layer that tries again, and the one that asks somebody else.

import { AeonError, describeError, hasCode } from "../core/errors.ts";
import type { CompletionRequest, LlmClient, StreamEvent } from "./client.ts";
import { limitAnswer } from "./window.ts";

/** How often, and how long. Time and chance are passed in. */
export interface RetryOptions {
	/** Requests in all. */
	tries?: number;
	/** No try begins later than this after the first. */
	budgetMs?: number;
	/** Resolves after the time, or rejects with `signal.reason`. */
	sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
	/** From 0 to 1. */
	random?: () => number;
	now?: () => number;
}

const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 8_000;

/**
 * Asks again where the model is unavailable and nothing of the answer was visible yet (text or a tool call; thinking may
 * be seen twice). Waits as long as the far side asks, otherwise by chance (full jitter); gives up at once where that is
 * too long.
 */
export function withRetry(
	client: LlmClient,
	options: RetryOptions = {},
): LlmClient {
	const { tries = 4, budgetMs = 60_000 } = options;
	const { sleep = wait, random = Math.random, now = Date.now } = options;
	return {
		label: client.label,
		contextWindow: client.contextWindow,
		maxAnswerTokens: client.maxAnswerTokens,
		async *streamCompletion(request, signal) {
			const start = now();
			for (let tried = 1; ; tried++) {
				// The first try has the time that its own clocks give it; the others have what is left.
				const left = Math.max(budgetMs - (now() - start), 1);
				const asked = tried === 1 ? client : within(client, left);
				const failure = yield* attempt(asked, request, signal);
				if (failure === undefined) return;
				const jitter =
					random() * Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (tried - 1));
				const delay = failure.retryAfterMs ?? jitter;
				const late = now() - start + delay >= budgetMs;
				if (tried >= tries || late) throw afterTries(failure, tried);
				await sleep(delay, signal);
			}
		},
	};
}

/**
 * Asks the next client where one is unavailable before anything was visible. A request for another model of the first
 * provider means nothing to the others. The window is the smallest one and the answer the longest, so that whoever answers
 * can take the request. Every client but the first is announced by `fallback` when it is asked.
 */
export function withFallbacks(clients: [LlmClient, ...LlmClient[]]): LlmClient {
	const [first, ...others] = clients;
	if (others.length === 0) return first;
	const contextWindow = Math.min(...clients.map((one) => one.contextWindow));
	const longest = Math.max(...clients.map((one) => one.maxAnswerTokens));
	return {
		label: first.label,
		contextWindow,
		maxAnswerTokens: limitAnswer(longest, contextWindow),
		async *streamCompletion(request, signal) {
			const failures: AeonError[] = [];
			for (const client of clients) {
				// Once the first is down, a fallback that rejects is one more cause, not the end.
				const codes = client === first ? PASSING : ANY;
				const insteadOf = clients.slice(0, failures.length);
				if (insteadOf.length > 0)
					yield {
						type: "fallback",
						label: client.label,
						insteadOf: insteadOf.map(({ label }) => label),
					};
				const { model: _, ...anyModel } = request;
				const asked = client === first ? request : anyModel;
				const failure = yield* attempt(client, asked, signal, codes);
				if (failure === undefined) return;
				failures.push(failure);
			}
			const causes = clients.map(
				({ label }, index) => `${label}: ${describeError(failures[index])}`,
			);
			throw new AeonError(
				"llm_unavailable",
				`none of the models answered (${causes.join("; ")})`,
				{
					cause: failures[0],
					hint: failures.find(({ hint }) => hint)?.hint,
				},
			);
		},
	};
}

type LlmCode = "llm_unavailable" | "llm_rejected";
const PASSING: LlmCode[] = ["llm_unavailable"];
const ANY: LlmCode[] = ["llm_unavailable", "llm_rejected"];

/** One request. Returns a failure that somebody may make good, throws every other one. */
async function* attempt(
	client: LlmClient,
	request: CompletionRequest,
	signal: AbortSignal,
	codes: LlmCode[] = PASSING,
): AsyncGenerator<StreamEvent, AeonError | undefined> {
	let visible = false;
	try {
		for await (const event of client.streamCompletion(request, signal)) {
			visible ||= isVisible(event);
			yield event;
		}
	} catch (error) {
		signal.throwIfAborted();
		if (visible || !hasCode(error, ...codes)) throw error;
		return error;
	}
	return undefined;
}

/** The same client, which must show something of its answer within the time; once it has, it may take longer. */
function within(client: LlmClient, ms: number): LlmClient {
	return {
		...client,
		async *streamCompletion(request, signal) {
			const late = new AbortController();
			const message = `${client.label} did not answer in time`;
			const timer = setTimeout(
				() => late.abort(new AeonError("llm_unavailable", message)),
				ms,
			);
			const either = AbortSignal.any([signal, late.signal]);
			try {
				for await (const event of client.streamCompletion(request, either)) {
					if (isVisible(event)) clearTimeout(timer);
					yield event;
				}
			} finally {
				clearTimeout(timer);
			}
		},
	};
}

function isVisible({ type }: StreamEvent): boolean {
	return type === "text_delta" || type === "tool_call";
}

function afterTries(failure: AeonError, tried: number): AeonError {
	if (tried === 1) return failure;
	const { code, message, hint, status, retryAfterMs } = failure;
	return new AeonError(code, `${message} (${tried} tries)`, {
		hint,
		status,
		retryAfterMs,
		cause: failure,
	});
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve, reject) => {
		signal.throwIfAborted();
		const stop = () => {
			clearTimeout(timer);
			reject(signal.reason);
		};
		const timer = setTimeout(() => {
			signal.removeEventListener("abort", stop);
			resolve();
		}, ms);
		signal.addEventListener("abort", stop, { once: true });
	});
}
