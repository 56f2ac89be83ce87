// Steps 1 and 2 of a turn: receive message, load context; and what takes their place where the turn had begun before.

import { setTimeout as sleep } from "node:timers/promises";
import { orAborted } from "../core/abort.ts";
import { AeonError } from "../core/errors.ts";
import type {
	AssistantMessage,
	Attachment,
	SpokenMessage,
	StopReason,
} from "../core/message.ts";
import { loadContext } from "./context.ts";
import type { Recall } from "./recall.ts";
import type { Completed, TurnRequest } from "./request.ts";
import type { Turn } from "./turn.ts";

/** A turn that has begun so often without an end is not begun again: it may be what ends Aeon. */
const MAX_ATTEMPTS = 3;

/** The next messages that wait in the session and belong into this turn; they wait no longer then. */
type Join = () => TurnRequest[];

/**
 * Step 1: receive message, and what waits behind it. It is in the store before anything is done about it but step 2, load
 * context, by which it is known what to recall.
 */
export async function receiveMessage(
	turn: Turn,
	request: TurnRequest,
	join: Join,
	recall: Recall,
): Promise<void> {
	const { signal, logger } = turn.parts;
	const requests = await gather(turn, request, join);
	signal.throwIfAborted();
	const texts: string[] = [];
	const attachments: Attachment[] = [];
	for (const one of requests) {
		const whole = (await completed(turn, one)) ?? one;
		if (whole.text !== "") texts.push(whole.text);
		attachments.push(...(whole.attachments ?? []));
		if ("remarks" in whole)
			for (const remark of whole.remarks) turn.remark(remark);
	}
	const text = texts.join("\n\n");
	logger.debug("turn.message", { run: turn.runId, text });
	await loadContext(turn);
	const recalled = await recall.find(turn, text);
	await turn.keep(
		{
			role: "user",
			content: text.toWellFormed(),
			...(attachments.length > 0 && { attachments }),
			...(recalled !== undefined && { recalled }),
		},
		requests.flatMap(({ accepted }) => accepted?.runId ?? []),
	);
	turn.beginsAt = turn.context.at(-1)?.id;
}

/**
 * A message with its files. That it is tried is kept before, for a file may be more than the machine bears; as may be what
 * is read for a message that has ended a process before.
 */
async function completed(
	turn: Turn,
	{ accepted }: TurnRequest,
): Promise<Completed | undefined> {
	const { store, signal } = turn.parts;
	const isTried = accepted?.isResumed && !accepted.isTaken;
	if (accepted && (accepted.complete || isTried))
		await store.countAttempt(accepted.runId);
	return accepted?.complete?.(signal);
}

/** A turn that has been begun so often and never ended may be what ends Aeon. Throws `interrupted`. */
export function refuseTooMany(attempts: number): void {
	if (attempts >= MAX_ATTEMPTS)
		throw new AeonError(
			"interrupted",
			`Aeon was ended ${attempts} times while it answered this. Send it again if you still want an answer.`,
		);
}

/** The message with those that belong to it, once all of them are there. */
async function gather(
	turn: Turn,
	request: TurnRequest,
	join: Join,
): Promise<TurnRequest[]> {
	const { signal } = turn.parts;
	const requests = [request];
	for (;;) {
		const joined = join();
		requests.push(...joined);
		turn.joined.push(
			...joined.flatMap(({ accepted }) => accepted?.runId ?? []),
		);
		const wholeAt = requests.map(({ accepted }) => accepted?.wholeAt ?? 0);
		const waitMs = Math.max(...wholeAt) - performance.now();
		if (waitMs <= 0 || signal.aborted) break;
		await orAborted(sleep(waitMs), signal);
	}
	for (const { accepted } of requests) if (accepted) accepted.isBegun = true;
	return requests;
}

/**
 * Steps 1 and 2 of a turn that had begun before the process ended: its message is in the session; false where somebody
 * has emptied that meanwhile.
 */
export async function takeUpMessage(
	turn: Turn,
	joined: readonly string[],
): Promise<boolean> {
	turn.joined.push(...joined);
	turn.parts.signal.throwIfAborted();
	await turn.parts.store.countAttempt(turn.runId);
	await loadContext(turn, true);
	turn.beginsAt = turn.context.findLast(({ role }) => role === "user")?.id;
	return turn.context.length > 0;
}

/** Says again what the turn had said before the process ended. Gives why it stopped, where it had its whole answer. */
export function sayAgain(turn: Turn): StopReason | undefined {
	const begin = turn.context.findLastIndex(({ role }) => role === "user");
	const since = turn.context.slice(begin + 1);
	for (const message of since) {
		if (message.role !== "assistant") continue;
		if (message.content !== "") turn.breakParagraph();
		turn.say(message.content);
		if (message.notice) turn.remark(message.notice);
	}
	const last = since.at(-1);
	return last && isWholeAnswer(last)
		? (last.stopReason ?? "end_turn")
		: undefined;
}

function isWholeAnswer(message: SpokenMessage): message is AssistantMessage {
	return message.role === "assistant" && !message.toolCalls;
}
