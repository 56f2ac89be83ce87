// Messages that are kept before they are acknowledged: a kill at any moment loses none, and a repeat is no second message.

import type { Acceptance, TurnResult } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import type { InboundMessage } from "../core/message.ts";
import type { SessionStore, WaitingMessage } from "../storage/store.ts";
import type { Chosen, Submission, TurnRequest } from "./request.ts";
import type { Runtime } from "./runtime.ts";
import { acceptedRequest, failed, type Sender } from "./sender.ts";
import { newRunId } from "./turn.ts";

/** How many of the last runs' results are kept for those who repeat a message. */
const KEPT_RESULTS = 100;

/** A message that waits for its turn or is in it. */
interface InHand {
	mail: InboundMessage;
	request: TurnRequest;
}

/** What a mailbox is made with. */
export interface MailboxParts {
	store: SessionStore;
	runtime: Runtime;
	logger: Logger;
}

/** The way of an acknowledged message: into the store, then to its turn, whose end takes it out again. */
export class Mailbox {
	readonly #parts: MailboxParts;
	readonly #results = new Map<string, Promise<TurnResult>>();
	/** The runs of messages that have an id of their own, by dialog and id; and those ids by their runs. */
	readonly #runs = new Map<string, string>();
	readonly #ids = new Map<string, string>();
	/** Runs that have ended and whose results are kept, the oldest first. */
	readonly #ended: string[] = [];
	/** The runs of messages that this process has, from before they are in the store until they are finished there. */
	readonly #inHand = new Map<string, InHand | undefined>();
	/** By session and run, the messages that are on their way into the store: their places are taken. */
	readonly #arriving = new Map<string, Map<string, Promise<void>>>();
	/** The ends of turns that are on their way into the store. */
	readonly #finishing = new Set<Promise<void>>();
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
		sender: Sender,
	): Promise<Acceptance> {
		const { store, runtime } = this.#parts;
		const { sessionKey } = mail;
		// Before anything is checked: the session may be full of what was accepted with it.
		const first = this.#runs.get(idIn(dialog, mail.messageId));
		if (first !== undefined) return this.#repeat(first, mail);
		const own = newRunId();
		const chosen = runtime.check(mail, this.#arriving.get(sessionKey)?.size);
		const leave = this.#enter(sessionKey, own);
		this.#inHand.set(own, undefined);
		const waiting = { ...mail, dialog, runId: own, receivedAt: Date.now() };
		let isOurs = false;
		try {
			const runId = await store.acceptMessage(waiting);
			await this.#resuming;
			if (runId !== own) return this.#repeat(runId, mail);
			isOurs = true;
		} finally {
			if (!isOurs) {
				this.#inHand.delete(own);
				leave();
			}
		}
		this.#note(own, dialog, mail);
		const submission = this.#submit(waiting, sender, chosen);
		leave();
		return { ...submission, isRepeat: false };
	}

	/** Stops what runs and waits in a session, and what is on its way to that; false where nothing is. */
	stop(sessionKey: string): boolean {
		const { runtime } = this.#parts;
		const arriving = [...(this.#arriving.get(sessionKey) ?? [])];
		for (const [runId, arrived] of arriving)
			void arrived.then(() => runtime.cancelRun(runId));
		return runtime.cancel(sessionKey) || arriving.length > 0;
	}

	/** Resolves when all that was given for a session by now is in its lane: what empties a session is to empty it of that, too. */
	async arrived(sessionKey: string): Promise<void> {
		await Promise.all(this.#arriving.get(sessionKey)?.values() ?? []);
	}

	/** Changes a message of a session that waits still, by its `reference`; false where no such message waits. */
	async amend(
		sessionKey: string,
		reference: string,
		change: Pick<InboundMessage, "text" | "files">,
	): Promise<boolean> {
		for (const [runId, inHand] of this.#inHand) {
			const mail = inHand?.mail;
			if (mail?.sessionKey !== sessionKey || mail.reference !== reference)
				continue;
			// Its turn has it as it was.
			if (inHand?.request.accepted?.isBegun) return false;
			if (!(await this.#parts.store.amendMessage(runId, change))) return false;
			Object.assign(mail, change);
			Object.assign(inHand?.request ?? {}, { text: change.text });
			return true;
		}
		return false;
	}

	/**
	 * Takes up what was accepted for a dialog and is not finished, except what this process has in hand anyhow; gives
	 * how many messages that were. May be asked again when the store could not be read, or other agents are there.
	 */
	resume(
		dialog: string,
		senderOf: (message: InboundMessage) => Sender,
	): Promise<number> {
		const taken = this.#takeUp(dialog, senderOf);
		const isOver = taken.catch(() => {});
		this.#resuming = Promise.all([this.#resuming, isOver]);
		return taken;
	}

	async #takeUp(
		dialog: string,
		senderOf: (message: InboundMessage) => Sender,
	): Promise<number> {
		const { store, runtime, logger } = this.#parts;
		// What ends while the store is read may still wait in what it gives.
		const before = new Set(this.#inHand.keys());
		const all = await store.waitingMessages();
		const left = all.filter(
			({ runId, dialog: its }) =>
				its === dialog &&
				!before.has(runId) &&
				!this.#inHand.has(runId) &&
				!this.#results.has(runId),
		);
		let taken = 0;
		for (const mail of left) {
			const { runId, takenBy = runId } = mail;
			// The turn that took it in takes it up with itself.
			if (takenBy !== runId && left.some((one) => one.runId === takenBy))
				continue;
			try {
				const chosen = runtime.choose(mail);
				const joined = left.filter(
					(one) => one !== mail && one.takenBy === runId,
				);
				for (const one of [mail, ...joined]) {
					this.#inHand.set(one.runId, undefined);
					this.#note(one.runId, dialog, one);
				}
				const { result } = this.#submit(mail, senderOf(mail), chosen, joined);
				for (const one of joined) this.#keepResult(one.runId, result);
				taken += 1 + joined.length;
			} catch (error) {
				// Its agent is gone from the configuration: a person hears of it, a client's message waits until that is there again.
				logger.warn("message.waits", { run: runId, error });
				const runIds = left
					.filter((one) => one === mail || one.takenBy === runId)
					.map((one) => one.runId);
				await this.#refuse(mail, error, senderOf(mail), runIds);
			}
		}
		return taken;
	}

	/** Tells a person that their message cannot be answered; without that it waits. */
	async #refuse(
		mail: WaitingMessage,
		reason: unknown,
		{ deliver }: Sender,
		runIds: string[],
	): Promise<void> {
		try {
			await deliver?.(failed(mail, reason), runIds);
		} catch (error) {
			this.#parts.logger.error("message.unfinished", {
				run: mail.runId,
				error,
			});
		}
	}

	/** A message is on its way, until what this gives is called. */
	#enter(sessionKey: string, runId: string): () => void {
		const { promise, resolve } = Promise.withResolvers<void>();
		const arriving = this.#arriving.get(sessionKey) ?? new Map();
		this.#arriving.set(sessionKey, arriving.set(runId, promise));
		return () => {
			arriving.delete(runId);
			if (arriving.size === 0) this.#arriving.delete(sessionKey);
			resolve();
		};
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
		mail: WaitingMessage,
		sender: Sender,
		chosen: Chosen,
		joined?: WaitingMessage[],
	): Submission {
		const { runId, sessionKey, attachments, model } = mail;
		const texts = [mail, ...(joined ?? [])].map(({ text }) => text);
		const joinedRuns = joined?.map((one) => one.runId);
		const request: TurnRequest = {
			sessionKey,
			// All that was taken in together, for a session that has been emptied since.
			text: texts.filter(Boolean).join("\n\n"),
			...(attachments && { attachments }),
			...(model !== undefined && { model }),
			accepted: acceptedRequest(mail, sender, joinedRuns),
		};
		this.#inHand.set(runId, { mail, request });
		const submission = this.#parts.runtime.submit(request, sender, chosen);
		this.#keepResult(runId, submission.result);
		this.#finishAfter(submission, sender);
		return submission;
	}

	#keepResult(runId: string, result: Promise<TurnResult>): void {
		this.#results.set(runId, result);
		const forget = () => this.#forgetOldest(runId);
		result.then(forget, forget);
	}

	/** Finishes the messages of a turn once it has ended. Whether that was this run's own turn or an earlier one's, it says. */
	#finishAfter({ runId, result }: Submission, sender: Sender): void {
		const finish = async (): Promise<void> => {
			const ended = await result;
			// It belongs to the turn that took it in.
			if (ended.runId !== runId) return;
			// The end of this process is none of theirs: the next one takes them up.
			if (ended.error?.code === "shutting_down") return;
			const runIds = [runId, ...(ended.joined ?? [])];
			if (sender.deliver) await sender.deliver(ended, runIds);
			else await this.#parts.store.finishMessages(runIds);
			for (const one of runIds) this.#inHand.delete(one);
		};
		const finishing = finish().catch((error) => {
			// At worst it is answered again after the next start.
			this.#parts.logger.error("message.unfinished", { run: runId, error });
		});
		this.#finishing.add(finishing);
		void finishing.finally(() => this.#finishing.delete(finishing));
	}

	/** Resolves when the turns that have been begun have ended, and what came of them is in the store. */
	async settled(): Promise<void> {
		await Promise.all(this.#finishing);
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
}

function idIn(dialog: string, messageId = ""): string {
	return `${dialog}\n${messageId}`;
}
