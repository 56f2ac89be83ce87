// One chat: what is to be sent to it, one thing after the other, and no faster than its platform bears.

import type { Clock } from "../core/clock.ts";
import type { OutboxPart, PartName } from "../core/delivery.ts";
import { hasCode } from "../core/errors.ts";
import type { Answer, Change } from "./answer.ts";
import { isUncertain } from "./part.ts";
import {
	closingMs,
	type Outcome,
	type SendingParts,
	sendPart,
} from "./sending.ts";

/** How long previews are given up after one that failed. */
const PREVIEW_PAUSE_MS = 5_000;

/** How much longer a chat rests than it took to make a preview: long answers must not keep the machine busy. */
const REST_TIMES = 10;

/** So long words wait behind a file that is on its way to the same chat. */
const MAX_FOLLOWED_MS = 3_000;

/** What a chat works with. */
export interface ChatParts extends SendingParts {
	clock: Clock;
	signal: AbortSignal;
	/** Is told what became of a part: sent, failed, or to be tried again. */
	settled(outcome: Outcome): Promise<void>;
	/** Is told what nobody expected. */
	failed(error: unknown): void;
	/** Resolves when what goes to the same chat another way may be followed. */
	makeWay(): Promise<void> | undefined;
}

/** What is to be done, and when. */
interface Work {
	at: number;
	do(): Promise<void>;
}

/** The way into one chat. Parts go before previews; of answers only the oldest is previewed. */
export class Chat {
	readonly #to: string;
	readonly #parts: ChatParts;
	readonly #queue: OutboxPart[] = [];
	readonly #answers: Answer[] = [];
	/** The platform wants to be left alone until then. */
	#closedUntil = 0;
	#editedAt = Number.NEGATIVE_INFINITY;
	#previewAt = 0;
	#waker = new AbortController();
	#running: Promise<void> | undefined;
	/** The first part of the queue is on its way. */
	#isSending = false;
	/** Resolves when what is being done now is over. */
	#doing: Promise<void> | undefined;
	#doingSince: number | undefined;

	constructor(to: string, parts: ChatParts) {
		this.#to = to;
		this.#parts = parts;
	}

	/** True where nothing waits, nothing is being made, and nothing has to be remembered. */
	get isIdle(): boolean {
		const isBusy =
			this.#running || this.#queue.length > 0 || this.#answers.length > 0;
		const rested = Math.max(
			this.#closedUntil,
			this.#editedAt + this.#editPauseMs,
		);
		return !isBusy && this.#parts.clock.now() >= rested;
	}

	/** True where something waits to be sent. */
	get isWaiting(): boolean {
		return this.#queue.length > 0;
	}

	/** Resolves when what is on its way is there, or has been for a while: it keeps the order of what is quick, and holds up nobody for long. */
	followed(): Promise<void> | undefined {
		const { clock } = this.#parts;
		if (this.#doingSince === undefined) return undefined;
		const leftMs = this.#doingSince + MAX_FOLLOWED_MS - clock.now();
		if (leftMs <= 0) return undefined;
		const over = new AbortController();
		const waited = clock.sleep(leftMs, over.signal).catch(() => {});
		return Promise.race([this.#doing, waited]).finally(() => over.abort());
	}

	/** Sends parts, after all that waits already. */
	enqueue(parts: readonly OutboxPart[]): void {
		this.#queue.push(...parts);
		this.wake();
	}

	/** Takes a part out of what waits; undefined where it is not there, or is just being sent. */
	withdraw({ deliveryId, part }: PartName): OutboxPart | undefined {
		const at = this.#queue.findIndex(
			(one) => one.deliveryId === deliveryId && one.part === part,
		);
		if (at < 0 || (at === 0 && this.#isSending)) return undefined;
		const [withdrawn] = this.#queue.splice(at, 1);
		this.wake();
		return withdrawn;
	}

	/** What waits after a failure is tried now: the platform can be reached again. What it may still tell of is waited for. */
	hurry(): void {
		const [part] = this.#queue;
		const { clock, dialog } = this.#parts;
		if (part && !(isUncertain(part) && dialog.confirmationMs))
			part.dueAt = clock.now();
		this.wake();
	}

	/** Shows an answer while it is made, once those before it are over. */
	begin(answer: Answer): void {
		this.#answers.push(answer);
		this.wake();
	}

	/** An answer is no longer shown while it is made; resolves when nothing of it is on its way. */
	async finish(answer: Answer): Promise<void> {
		answer.isOver = true;
		await this.#doing;
	}

	/** Forgets an answer, whose parts have been given to `enqueue`. */
	forget(answer: Answer): void {
		const at = this.#answers.indexOf(answer);
		if (at >= 0) this.#answers.splice(at, 1);
		this.wake();
	}

	/** There may be something new to do. */
	wake(): void {
		this.#waker.abort();
		this.#running ??= this.#run().finally(() => {
			this.#running = undefined;
			if (this.#next()) this.wake();
		});
	}

	async #run(): Promise<void> {
		const { clock, signal, failed } = this.#parts;
		for (;;) {
			this.#waker = new AbortController();
			const work = this.#next();
			if (!work) return;
			const waitMs = work.at - clock.now();
			if (waitMs > 0) {
				const woken = AbortSignal.any([signal, this.#waker.signal]);
				await clock.sleep(waitMs, woken).catch(() => {});
				continue;
			}
			await this.#parts.makeWay();
			this.#doingSince = clock.now();
			this.#doing = work.do().catch((error) => {
				if (!signal.aborted) failed(error);
			});
			await this.#doing;
			this.#doingSince = undefined;
		}
	}

	#next(): Work | undefined {
		if (this.#parts.signal.aborted) return undefined;
		const [part] = this.#queue;
		if (part) {
			const isEdit = part.platformId !== undefined;
			const at = Math.max(
				part.dueAt ?? 0,
				this.#closedUntil,
				isEdit ? this.#editedAt + this.#editPauseMs : 0,
			);
			return { at, do: () => this.#send(part) };
		}
		return this.#nextPreview();
	}

	#nextPreview(): Work | undefined {
		const { dialog, clock } = this.#parts;
		const [answer] = this.#answers;
		if (!answer?.isChanged || answer.isOver || !dialog.edit || !dialog.split)
			return undefined;
		const at = Math.max(
			this.#closedUntil,
			this.#previewAt,
			answer.ripeAt,
			this.#editedAt + this.#editPauseMs,
		);
		// Making it takes time, so that it is made only when it can be shown.
		if (at > clock.now()) return { at, do: async () => {} };
		const begin = performance.now();
		const change = answer.change(dialog.split);
		const tookMs = performance.now() - begin;
		this.#previewAt = clock.now() + tookMs * REST_TIMES;
		return change && { at, do: () => this.#preview(answer, change) };
	}

	get #editPauseMs(): number {
		return this.#parts.dialog.editPauseMs?.(this.#to) ?? 0;
	}

	async #send(part: OutboxPart): Promise<void> {
		const { clock, signal, settled } = this.#parts;
		// It may have been withdrawn while what is sent another way was waited for.
		if (this.#queue[0] !== part) return;
		this.#isSending = true;
		const outcome = await sendPart(part, this.#parts, signal).finally(() => {
			this.#isSending = false;
		});
		const { part: after, closedMs = 0 } = outcome;
		this.#editedAt = clock.now();
		this.#closedUntil = Math.max(this.#closedUntil, clock.now() + closedMs);
		if (after.state === "pending") this.#queue[0] = after;
		else this.#queue.shift();
		await settled(outcome);
	}

	/** Shows a part as it is now. Whatever becomes of it, the final words come later. */
	async #preview(answer: Answer, { part, text }: Change): Promise<void> {
		const { dialog, clock, signal } = this.#parts;
		const { to, sessionKey, replyTo } = answer.address;
		const shown = answer.shown[part] ?? {};
		answer.shown[part] = shown;
		const message = {
			text,
			deliveryId: answer.runId,
			sessionKey,
			...(part === 0 && replyTo !== undefined && { replyTo }),
		};
		try {
			if (shown.platformId !== undefined)
				await dialog.edit?.(to, shown.platformId, message, signal);
			else await this.#sendPreview(answer, part, message);
			shown.text = text;
		} catch (error) {
			if (signal.aborted) return;
			const closedMs = closingMs(error);
			this.#previewAt = clock.now() + (closedMs ?? PREVIEW_PAUSE_MS);
			if (closedMs !== undefined) this.#closedUntil = this.#previewAt;
			if (hasCode(error, "peer_rejected")) answer.isRefused = true;
			// It may show the new text by now.
			if (hasCode(error, "peer_silent")) delete shown.text;
		} finally {
			this.#editedAt = clock.now();
		}
	}

	/** Notes before and after that a message is there: the final words, after a restart perhaps, take its place. */
	async #sendPreview(
		answer: Answer,
		part: number,
		message: Parameters<ChatParts["dialog"]["send"]>[1],
	): Promise<void> {
		const { dialog, save, signal } = this.#parts;
		const shown = answer.shown[part] ?? {};
		const { to } = answer.address;
		const row = this.#rowOf(answer, part, message);
		shown.triedAt = row.triedAt ?? "";
		await save(row);
		try {
			const platformId = await dialog.send(to, message, signal);
			if (platformId === undefined) return;
			shown.platformId = platformId;
			const { triedAt, ...rest } = row;
			delete shown.triedAt;
			await save({ ...rest, state: "sent", platformId });
		} catch (error) {
			// Nothing was done, so there is nothing to be looked for.
			if (!hasCode(error, "peer_silent")) delete shown.triedAt;
			throw error;
		}
	}

	#rowOf(
		answer: Answer,
		part: number,
		{ text, replyTo }: Parameters<ChatParts["dialog"]["send"]>[1],
	): OutboxPart {
		const { dialog, to, sessionKey } = answer.address;
		return {
			deliveryId: answer.runId,
			part,
			dialog,
			to,
			sessionKey,
			content: { text, ...(replyTo !== undefined && { replyTo }) },
			state: "pending",
			triedAt: this.#parts.dialog.bookmark?.(to) ?? "",
			attempts: 0,
			createdAt: this.#parts.clock.now(),
		};
	}
}
