// What Aeon says in a dialog that somebody else carries: kept until it is there, sent in order, once.

import type { Clock } from "../core/clock.ts";
import {
	type DeliveryReport,
	newDeliveryId,
	type OutboxPart,
} from "../core/delivery.ts";
import { AeonError } from "../core/errors.ts";
import type { DialogEvent, TurnEvent, TurnResult } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import type { DialogProvider } from "../dialogs/provider.ts";
import type { SessionStore } from "../storage/store.ts";
import { Answer, type AnswerAddress } from "./answer.ts";
import { Chat } from "./chat.ts";
import { Confirming } from "./confirming.ts";
import { type Delay, Delays } from "./delays.ts";
import { Noting } from "./noting.ts";
import { fileLane, isUncertain, laneOf, nameOf } from "./part.ts";
import { partsOf, type Saying } from "./saying.ts";
import type { Outcome, SendingParts } from "./sending.ts";
import { showTyping } from "./typing.ts";
import { Watching } from "./watching.ts";

/** A dialog that is sent to by an outbox. */
export type MailedDialog = DialogProvider &
	Required<Pick<DialogProvider, "split">>;

/** What an outbox is made with. */
export interface OutboxParts extends Pick<SendingParts, "openFile"> {
	dialog: MailedDialog;
	store: SessionStore;
	clock: Clock;
	logger: Logger;
	/** Is told what becomes of messages that are no answers. */
	observe(event: DialogEvent): void;
	/** Is told what could not be sent. */
	lost?(loss: Loss): void;
}

/** Something that was not said, and whether the person knows. */
export interface Loss extends Pick<OutboxPart, "deliveryId" | "to"> {
	reason: string;
	isTold: boolean;
}

/** Sentences about what could not be sent are named after it. */
const FAILURE_PREFIX = "failure-";

/** The outbox of one dialog. */
export class Outbox {
	readonly #parts: OutboxParts;
	/** Of each person or group one for words, and one for files while there are any. */
	readonly #chats = new Map<string, Chat>();
	readonly #answers = new Map<string, Answer>();
	readonly #typing = new Map<string, AbortController>();
	/** What this process has in hand, by name. */
	readonly #inHand = new Set<string>();
	/** Messages on their way into the store that are said once. */
	readonly #saying = new Map<string, Promise<void>>();
	readonly #noting = new Noting();
	readonly #delays = new Delays();
	readonly #watching: Watching;
	readonly #confirming: Confirming;
	readonly #end = new AbortController();

	constructor(parts: OutboxParts) {
		this.#parts = parts;
		this.#watching = new Watching(parts.observe);
		this.#confirming = new Confirming({
			...parts,
			now: parts.clock.now,
			isInHand: (part) => this.#inHand.has(nameOf(part)),
			// The words of a lost file wait where it did.
			withdraw: (part) =>
				this.#chats.get(part.to)?.withdraw(part) ??
				this.#chats.get(fileLane(part.to))?.withdraw(part),
			settled: async (outcome) => {
				await this.#settled(outcome);
				if (outcome.part.state === "pending") this.#send([outcome.part]);
			},
		});
	}

	/** Shows what a turn tells. */
	show(address: AnswerAddress, event: TurnEvent): void {
		const { runId } = event;
		if (event.type === "agent.start") this.#begin(runId, address);
		const answer = this.#answers.get(runId);
		if (!answer) return;
		if (answer.tell(event, this.#parts.clock.now()))
			this.#chat(address.to).wake();
		if (answer.isOver) this.#stopTyping(runId);
		const isPostponed =
			event.type === "agent.error" &&
			event.result.error?.code === "shutting_down";
		// The next start goes on with it.
		if (isPostponed) this.#forget(answer);
	}

	/** Makes sure that the person hears how a turn ended, and finishes its messages with that: both or neither. */
	async deliver(
		result: TurnResult,
		runIds: readonly string[],
		address: AnswerAddress,
	): Promise<void> {
		const { store, dialog, clock } = this.#parts;
		const { runId } = result;
		const chat = this.#chat(address.to);
		const answer = this.#answers.get(runId) ?? new Answer(runId, address);
		await answer.ready;
		await chat.finish(answer);
		const parts = answer.parts(result, dialog.split, clock.now());
		const due = parts.filter(({ state }) => state === "pending");
		this.#hold(due);
		try {
			await store.finishMessages(runIds, parts);
			this.#send(due);
		} finally {
			this.#forget(answer);
		}
	}

	/** Says something that is no answer; resolves once it is safe. With a `deliveryId` it is said once. */
	say(to: string, saying: Saying): Promise<void> {
		const { deliveryId } = saying;
		if (deliveryId === undefined) return this.#say(to, saying, newDeliveryId());
		const earlier = this.#saying.get(deliveryId);
		if (earlier) return earlier;
		const said = this.#sayOnce(to, saying, deliveryId).finally(() =>
			this.#saying.delete(deliveryId),
		);
		this.#saying.set(deliveryId, said);
		return said;
	}

	/** Takes in what the platform tells of a message; resolves once that is safe: true where it was news. */
	confirm(report: DeliveryReport): Promise<boolean> {
		return this.#confirming.confirm(report);
	}

	/** What failed and is tried again, where something is. */
	get delay(): Delay | undefined {
		return this.#delays.delay;
	}

	/** Takes up what a restart has left unsent; gives how much that was. */
	async resume(): Promise<number> {
		const { store, dialog, clock } = this.#parts;
		// What is sent while the store is read may still be pending in what it gives.
		const before = new Set(this.#inHand);
		const pending = await store.pendingParts(dialog.name);
		const left = pending.filter((part) => {
			const name = nameOf(part);
			return !before.has(name) && !this.#inHand.has(name);
		});
		const now = clock.now();
		this.#send(
			left.map((part) => ({
				...part,
				// The clock may have been another one.
				createdAt: Math.min(part.createdAt, now),
				dueAt: isUncertain(part)
					? now + (dialog.confirmationMs ?? 0)
					: Math.min(part.dueAt ?? now, now),
			})),
		);
		return left.length;
	}

	/** The platform can be reached again: what waits after a failure is tried now. */
	hurry(): void {
		for (const chat of this.#chats.values()) chat.hurry();
	}

	/** Waits until all is sent, but no longer than the signal says, and ends what is still being tried; it is kept. */
	async close(hurry: AbortSignal): Promise<void> {
		const { clock } = this.#parts;
		for (const typing of this.#typing.values()) typing.abort();
		try {
			while ([...this.#chats.values()].some((chat) => chat.isWaiting))
				await clock.sleep(20, hurry);
		} catch {
			// It goes on after the next start.
		}
		this.#end.abort(new Error("Aeon ends"));
		await this.#noting.over(hurry);
	}

	async #sayOnce(
		to: string,
		saying: Saying,
		deliveryId: string,
	): Promise<void> {
		const earlier = await this.#parts.store.partsOf(deliveryId);
		if (earlier.length === 0) await this.#say(to, saying, deliveryId);
	}

	async #say(to: string, saying: Saying, deliveryId: string): Promise<void> {
		const { store, dialog, clock } = this.#parts;
		const parts = partsOf(saying, { deliveryId, to, dialog, now: clock.now() });
		if (parts.length === 0)
			throw new AeonError("usage", "There is nothing to be seen in that text.");
		this.#hold(parts);
		await store.saveParts(parts);
		const { text, sessionKey } = saying;
		const about = { deliveryId, dialog: dialog.name, to, text };
		this.#watching.begin(
			{ ...about, ...(sessionKey !== undefined && { sessionKey }) },
			parts.length,
		);
		this.#send(parts);
	}

	/** Before they are in the store, so that nobody takes them up from there. */
	#hold(parts: readonly OutboxPart[]): void {
		for (const part of parts) this.#inHand.add(nameOf(part));
	}

	#send(parts: readonly OutboxPart[]): void {
		this.#hold(parts);
		for (const part of parts) this.#chat(part.to, laneOf(part)).enqueue([part]);
	}

	#begin(runId: string, address: AnswerAddress): void {
		const { dialog, clock, store, logger } = this.#parts;
		const answer = new Answer(runId, address);
		const typing = new AbortController();
		this.#answers.set(runId, answer);
		this.#typing.set(runId, typing);
		const { to, reference } = address;
		const signal = AbortSignal.any([typing.signal, this.#end.signal]);
		void showTyping(dialog, to, clock, signal, reference);
		answer.ready = store.partsOf(runId).then(
			(parts) => {
				answer.restore(parts);
				if (!answer.isOver) this.#chat(address.to).begin(answer);
			},
			(error) => logger.warn("outbox.unread", { run: runId, error }),
		);
	}

	#forget(answer: Answer): void {
		this.#answers.delete(answer.runId);
		this.#chat(answer.address.to).forget(answer);
	}

	#stopTyping(runId: string): void {
		this.#typing.get(runId)?.abort();
		this.#typing.delete(runId);
	}

	#chat(to: string, lane = to): Chat {
		for (const [key, chat] of this.#chats)
			if (chat.isIdle && key !== lane) this.#chats.delete(key);
		const known = this.#chats.get(lane);
		if (known) return known;
		const { dialog, store, openFile, clock, logger } = this.#parts;
		const chat = new Chat(to, {
			dialog,
			openFile,
			clock,
			signal: this.#end.signal,
			now: clock.now,
			save: (part) => this.#noting.add(store.saveParts([part])),
			makeWay: () =>
				lane === to ? this.#chats.get(fileLane(to))?.followed() : undefined,
			settled: (outcome) => this.#settled(outcome),
			failed: (error) => logger.error("outbox.fault", { to, error }),
		});
		this.#chats.set(lane, chat);
		return chat;
	}

	async #settled({ part, isShut, lostFile }: Outcome): Promise<void> {
		const { store, logger, clock } = this.#parts;
		const { deliveryId, state, dialog, to } = part;
		const reason = lostFile ?? part.reason ?? "";
		const about = { delivery: deliveryId, part: part.part, dialog, to, reason };
		const isFailed = state === "failed" || lostFile !== undefined;
		if (isFailed) logger.error("message.failed", about);
		else if (state === "pending") logger.warn("message.delayed", about);
		this.#delays.note(part, clock.now());
		await store.saveParts([part]);
		if (state !== "pending") {
			this.#inHand.delete(nameOf(part));
			this.#watching.settle(part);
		}
		this.#confirming.settled(part);
		if (!isFailed) return;
		const isTold = !isShut && !deliveryId.startsWith(FAILURE_PREFIX);
		this.#parts.lost?.({ deliveryId, to, reason, isTold });
		if (isTold)
			await this.say(to, {
				text: `A part of what I had to say could not be sent. ${reason}`,
				deliveryId: `${FAILURE_PREFIX}${deliveryId}`,
			});
	}
}
