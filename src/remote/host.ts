// What a dialog talks to where Aeon runs in another process: the same as in this one, over a connection.

import type { CommandContext, CommandReply } from "../core/command.ts";
import { AeonError, hasCode } from "../core/errors.ts";
import type { Acceptance, TurnResult } from "../core/event.ts";
import type { InboundMessage } from "../core/message.ts";
import { pause } from "../core/pause.ts";
import { parseSessionKey } from "../core/session.ts";
import type { DialogHost, DialogProvider } from "../dialogs/provider.ts";
import type { WireEvent } from "../server/events.ts";
import type { Connection, Input } from "./connection.ts";
import { answerOf } from "./failure.ts";
import { Questions } from "./questions.ts";
import { Run, type RunEvent } from "./run.ts";

/** Before a server that has no room to say how a turn ended is asked again. */
const PAUSE_MS = 500;

/** How long the events of a turn that has ended are waited for, once its result is there. */
const WHOLE_MS = 1_000;

type Sending = Input<"agent.send"> & { messageId: string };

interface Arriving {
	sessionKey: string;
	events: RunEvent[];
	/** The connection was lost meanwhile, and events with it. */
	isLate: boolean;
}

/** A server as the host of one dialog; a connection has one of these at most. */
export class RemoteHost implements DialogHost {
	readonly #connection: Connection;
	readonly #dialog: DialogProvider;
	readonly #questions: Questions;
	readonly #runs = new Map<string, Run>();
	/** Every session in which something was said. */
	readonly #sessions = new Set<string>();
	/** A message on its way, and events of runs that may turn out to be its. */
	#arriving: Arriving | undefined;
	/** What was handed in is on its way, in its order. */
	#sent: Promise<unknown> = Promise.resolve();

	constructor(connection: Connection, dialog: DialogProvider) {
		this.#connection = connection;
		this.#dialog = dialog;
		this.#questions = new Questions(connection, dialog);
		connection.onEvent((event) => this.#take(event));
		connection.onReturn(() => {
			if (this.#arriving) this.#arriving.isLate = true;
			void this.#follow();
			// A question that cannot be fetched now is fetched when the connection returns once more.
			this.#questions.refresh((key) => this.#isOwn(key)).catch(() => {});
		});
	}

	async receive(message: InboundMessage): Promise<TurnResult> {
		const sending = this.#sent.then(() => this.#send(message));
		this.#sent = sending.catch(() => {});
		const { run, sent } = await sending;
		try {
			const outcome = await this.#outcome(run, sent);
			await run.opened;
			const result = outcome ?? run.lost();
			// After a connection was lost, what was missed may come later than the result; or never, where it is too old.
			await Promise.race([run.whole, pause(WHOLE_MS)]);
			run.end(result);
			return result;
		} finally {
			this.#runs.delete(run.runId);
			this.#openNext(run.sessionKey);
			if (!this.#isOwn(run.sessionKey))
				this.#questions.closeAll(run.sessionKey);
		}
	}

	async accept(): Promise<Acceptance> {
		throw notHere();
	}

	async amend(): Promise<boolean> {
		throw notHere();
	}

	async say(): Promise<void> {
		throw notHere();
	}

	async hasSaid(): Promise<boolean> {
		throw notHere();
	}

	async confirm(): Promise<boolean> {
		throw notHere();
	}

	async said(): Promise<string | undefined> {
		throw notHere();
	}

	report(): void {}

	async resume(): Promise<number> {
		throw notHere();
	}

	async cancel(sessionKey: string): Promise<boolean> {
		await this.#sent;
		try {
			const params = { sessionKey };
			return (await this.#connection.request("agent.cancel", params)).cancelled;
		} catch (error) {
			// Without the server nothing can be stopped; what waits for the turn says so.
			if (answerOf(error)) throw error;
			return false;
		}
	}

	async command(
		line: string,
		{ sessionKey, model }: CommandContext,
	): Promise<CommandReply | undefined> {
		if (!line.trimStart().startsWith("/")) return undefined;
		await this.#sent;
		const reply = await this.#connection.request("agent.command", {
			line,
			sessionKey,
			...(model !== undefined && { model }),
		});
		if (!reply.isCommand) return undefined;
		const { text = "", model: chosen } = reply;
		return { text, ...(chosen !== undefined && { model: chosen }) };
	}

	/** Hands a message over; resolves once it is safe and its run is known. */
	async #send(message: InboundMessage): Promise<{ run: Run; sent: Sending }> {
		const { sessionKey, text, model, attachments } = message;
		if (attachments?.length)
			throw new AeonError("usage", "Files cannot be sent through a server.");
		const { userId } = parseSessionKey(sessionKey);
		const sent: Sending = {
			message: text,
			sessionKey,
			messageId: crypto.randomUUID(),
			...(model !== undefined && { model }),
		};
		if (!this.#sessions.has(sessionKey)) {
			this.#sessions.add(sessionKey);
			await this.#follow();
		}
		const arriving: Arriving = { sessionKey, events: [], isLate: false };
		this.#arriving = arriving;
		try {
			const { runId } = await this.#connection.request("agent.send", sent);
			const run = new Run({ runId, sessionKey }, (event) =>
				this.#dialog.show?.(userId, event),
			);
			this.#runs.set(runId, run);
			this.#openNext(sessionKey);
			// What is not its own would be put aside again, for ever.
			this.#arriving = undefined;
			for (const event of arriving.events) this.#tellRun(event);
			if (arriving.isLate) void this.#follow();
			return { run, sent };
		} finally {
			this.#arriving = undefined;
		}
	}

	/**
	 * How the run of a message ends: the same message again, which is no second one, and this time with the wish to wait.
	 * Undefined where the server, started anew, does not know.
	 */
	async #outcome(run: Run, sent: Sending): Promise<TurnResult | undefined> {
		const { runId, sessionKey } = run;
		for (;;) {
			try {
				const { text, usage, stopReason, toolCalls, model } =
					await this.#connection.request("agent.send", { ...sent, wait: true });
				if (text === undefined || !usage || !stopReason) return undefined;
				return {
					runId,
					sessionKey,
					text,
					toolCalls: toolCalls ?? [],
					usage,
					stopReason,
					...(model !== undefined && { model }),
				};
			} catch (error) {
				const failed = asFailedTurn(error);
				if (failed) return failed;
				if (answerOf(error)?.code === "NOT_FOUND") return undefined;
				if (!hasCode(error, "busy", "rate_limited", "shutting_down"))
					throw error;
			}
			await pause(PAUSE_MS);
		}
	}

	/** Asks for the events of the own sessions only, and for those of the own runs that were missed. */
	async #follow(): Promise<void> {
		if (this.#sessions.size === 0) return;
		const after = Object.fromEntries(
			[...this.#runs.values()].map(({ runId, seq }) => [runId, seq]),
		);
		try {
			await this.#connection.request("events.subscribe", {
				sessionKeys: [...this.#sessions],
				after,
			});
		} catch {
			return; // it is asked for again when the connection returns; else what waits for a turn tells why not
		}
	}

	#take(told: WireEvent): void {
		switch (told.event) {
			case "approval.requested":
				if (this.#isOwn(told.data.sessionKey))
					void this.#questions.ask(told.data);
				return;
			case "approval.resolved":
				this.#questions.close(told.data.approvalId);
				return;
			case "message.outbound": {
				const { sessionKey = "", to, text, state } = told.data;
				if (this.#isOwn(sessionKey) && state !== "failed")
					void this.#dialog.send(to, { text, sessionKey });
				return;
			}
			default:
				if (isRunEvent(told)) this.#tellRun(told);
		}
	}

	/** The first run of a session is shown; those after it when it has ended. */
	#openNext(sessionKey: string): void {
		const next = [...this.#runs.values()].find(
			(run) => run.sessionKey === sessionKey,
		);
		if (next?.open()) void this.#follow();
	}

	#tellRun(event: RunEvent): void {
		const run = this.#runs.get(event.data.runId);
		if (!run) this.#arriving?.events.push(event);
		else if (run.take(event)) void this.#follow();
	}

	/** True of a session that something was said in which is not answered yet. */
	#isOwn(sessionKey: string): boolean {
		return [this.#arriving, ...this.#runs.values()].some(
			(one) => one?.sessionKey === sessionKey,
		);
	}
}

function isRunEvent(told: WireEvent): told is RunEvent {
	return told.event.startsWith("agent.");
}

/** The turn that an error frame tells of: it began, and failed. */
function asFailedTurn(error: unknown): TurnResult | undefined {
	const { details } = answerOf(error) ?? {};
	if (!(error instanceof AeonError) || typeof details?.stopReason !== "string")
		return undefined;
	const { code, message } = error;
	return { ...(details as unknown as TurnResult), error: { code, message } };
}

function notHere(): AeonError {
	return new AeonError("usage", "Messages are kept by the server itself.");
}
