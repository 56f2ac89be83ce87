// Messages that are kept before they are acknowledged: a kill at any moment loses none, and a repeat is no second message.

import type { Acceptance, TurnResult } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import type { InboundMessage } from "../core/message.ts";
import type { SessionStore } from "../storage/store.ts";
import type { Chosen, Origin, Runtime, Submission } from "./runtime.ts";
import { newRunId } from "./turn.ts";

/** How many of the last runs' results are kept for those who repeat a message. */
const KEPT_RESULTS = 100;

/** What a mailbox is made with. */
export interface MailboxParts {
	store: SessionStore;
	runtime: Runtime;
	logger: Logger;
}

/** The way of an acknowledged message: into the store, then to its turn, which takes it out again. */
export class Mailbox {
	readonly #parts: MailboxParts;
	readonly #results = new Map<string, Promise<TurnResult>>();
	/** The runs of messages that have an id of their own, by dialog and id; and those ids by their runs. */
	readonly #runs = new Map<string, string>();
	readonly #ids = new Map<string, string>();
	/** Runs that have ended and whose results are kept, the oldest first. */
	readonly #ended: string[] = [];
	/** The runs of messages that this process has, from before they are in the store until they wait there no longer. */
	readonly #inHand = new Set<string>();
	/** By session, how many messages are on their way into the store: their places are taken. */
	readonly #arriving = new Map<string, number>();
	/** What was accepted earlier goes first. */
	#resuming: Promise<unknown> | undefined;

	constructor(parts: MailboxParts) {
		this.#parts = parts;
	}

	/**
	 * Keeps a message and hands it to the runtime. Once this has resolved its turn begins, if need be after a restart. Rejects
	 * with what `Runtime.check` throws, and then nothing is kept.
	 */
	async accept(
		dialog: string,
		mail: InboundMessage,
		origin: Origin,
	): Promise<Acceptance> {
		const { store, runtime } = this.#parts;
		const { sessionKey } = mail;
		// Before anything is checked: the session may be full of what was accepted with it.
		const first = this.#runs.get(idIn(dialog, mail.messageId));
		if (first !== undefined) return this.#repeat(first, mail);
		const own = newRunId();
		const arriving = this.#arriving.get(sessionKey) ?? 0;
		const chosen = runtime.check(mail, arriving);
		this.#arriving.set(sessionKey, arriving + 1);
		this.#inHand.add(own);
		let isOurs = false;
		try {
			const runId = await store.acceptMessage({
				...mail,
				dialog,
				runId: own,
				receivedAt: Date.now(),
			});
			await this.#resuming;
			if (runId !== own) return this.#repeat(runId, mail);
			isOurs = true;
		} finally {
			if (!isOurs) this.#inHand.delete(own);
			this.#leave(sessionKey);
		}
		this.#note(own, dialog, mail);
		return { ...this.#submit(own, mail, origin, chosen), isRepeat: false };
	}

	/**
	 * Takes up what was accepted for a dialog and no turn has taken in, except what this process has in hand anyhow; gives
	 * how many that were. May be asked again when the store could not be read, or other agents are there.
	 */
	resume(
		dialog: string,
		origin: (message: InboundMessage) => Origin,
	): Promise<number> {
		const taken = this.#takeUp(dialog, origin);
		const isOver = taken.catch(() => {});
		this.#resuming = Promise.all([this.#resuming, isOver]);
		return taken;
	}

	async #takeUp(
		dialog: string,
		origin: (message: InboundMessage) => Origin,
	): Promise<number> {
		const { store, runtime, logger } = this.#parts;
		// What ends while the store is read may still wait in what it gives.
		const before = new Set(this.#inHand);
		const all = await store.waitingMessages();
		let taken = 0;
		for (const mail of all) {
			const { runId } = mail;
			const isKnown =
				before.has(runId) ||
				this.#inHand.has(runId) ||
				this.#results.has(runId);
			if (isKnown || mail.dialog !== dialog) continue;
			try {
				const chosen = runtime.choose(mail);
				this.#inHand.add(runId);
				this.#note(runId, dialog, mail);
				this.#submit(runId, mail, origin(mail), chosen);
				taken++;
			} catch (error) {
				// Its agent is gone from the configuration: it waits until that is there again.
				logger.warn("message.waits", { run: runId, error });
			}
		}
		return taken;
	}

	#leave(sessionKey: string): void {
		const left = (this.#arriving.get(sessionKey) ?? 1) - 1;
		if (left > 0) this.#arriving.set(sessionKey, left);
		else this.#arriving.delete(sessionKey);
	}

	#note(runId: string, dialog: string, { messageId }: InboundMessage): void {
		if (messageId === undefined) return;
		const id = idIn(dialog, messageId);
		this.#runs.set(id, runId);
		this.#ids.set(runId, id);
	}

	#repeat(runId: string, { sessionKey }: InboundMessage): Acceptance {
		const result = this.#results.get(runId);
		return { runId, sessionKey, queued: false, isRepeat: true, result };
	}

	#submit(
		runId: string,
		mail: InboundMessage,
		origin: Origin,
		chosen: Chosen,
	): Submission {
		const { sessionKey, text, attachments, model } = mail;
		const submission = this.#parts.runtime.submit(
			{
				sessionKey,
				text,
				acceptedFor: runId,
				...(attachments && { attachments }),
				...(model !== undefined && { model }),
			},
			origin,
			chosen,
		);
		this.#keepResult(runId, submission.result);
		return submission;
	}

	#keepResult(runId: string, result: Promise<TurnResult>): void {
		this.#results.set(runId, result);
		const settle = async (): Promise<void> => {
			const { error } = await result.finally(() => this.#forgetOldest(runId));
			// Stopped before its turn took it in, it must not come back after a restart, unless a restart was the reason.
			if (error?.code === "shutting_down") return;
			if (error) await this.#drop(runId);
			this.#inHand.delete(runId);
		};
		settle().catch(() => this.#drop(runId));
	}

	/** One more has ended: of the ended ones the oldest is forgotten where they are too many. */
	#forgetOldest(ended: string): void {
		this.#ended.push(ended);
		if (this.#ended.length <= KEPT_RESULTS) return;
		const oldest = this.#ended.shift() ?? "";
		this.#results.delete(oldest);
		this.#runs.delete(this.#ids.get(oldest) ?? "");
		this.#ids.delete(oldest);
	}

	async #drop(runId: string): Promise<void> {
		try {
			await this.#parts.store.dropWaiting(runId);
		} catch {
			return; // it is answered after the next start, at worst in vain
		}
	}
}

function idIn(dialog: string, messageId = ""): string {
	return `${dialog}\n${messageId}`;
}
