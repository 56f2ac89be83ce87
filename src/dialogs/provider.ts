// The port to dialogs: the ways in which a person and Aeon talk.

import type { ApprovalRequest, Decision } from "../core/approval.ts";
import type { CommandContext, CommandReply } from "../core/command.ts";
import type { Acceptance, TurnEvent, TurnResult } from "../core/event.ts";
import type { InboundMessage } from "../core/message.ts";

/** What Aeon says unasked, by `message_send`. */
export interface OutboundMessage {
	text: string;
	/** The session in which a tool wants it said. */
	sessionKey?: string;
	/** What whoever sends it calls it by. */
	deliveryId?: string;
}

/** What a dialog may ask of Aeon. */
export interface DialogHost {
	/**
	 * Hands a message in and resolves when its turn has ended, however it ended; what it says meanwhile comes through
	 * `show`. Messages of one session are taken in the order in which they are handed in.
	 */
	receive(message: InboundMessage): Promise<TurnResult>;
	/**
	 * Keeps a message and resolves before its turn begins; for what has to be acknowledged to somebody who will not send it
	 * again. What its turn says comes through `show`, as with `receive`.
	 */
	accept(message: InboundMessage): Promise<Acceptance>;
	/** Takes up what was accepted before Aeon ended and no turn has taken in; gives how many messages that were. */
	resume(): Promise<number>;
	/** Stops what runs and waits in a session; false where nothing does. */
	cancel(sessionKey: string): Promise<boolean>;
	/** Runs a command such as `/new` and gives what to answer; undefined where it is no command. */
	command(
		line: string,
		context: CommandContext,
	): Promise<CommandReply | undefined>;
}

/** One way of talking. */
export interface DialogProvider {
	/** The third part of its session keys. */
	readonly name: string;
	/** Begins to take messages in; resolves once it does. */
	start(host: DialogHost): Promise<void>;
	/** Ends it: no message is taken in afterwards. May be called more than once. */
	stop(): Promise<void>;
	/** Sends a message to a user of this dialog; resolves when it is on its way. */
	send(userId: string, message: OutboundMessage): Promise<void>;
	/** Shows what a turn tells, in the order told. */
	show?(userId: string, event: TurnEvent): void;
	/** Asks the person of a session; `deny` where they do not answer before the signal aborts. */
	approve?(
		sessionKey: string,
		request: ApprovalRequest,
		signal: AbortSignal,
	): Promise<Decision>;
}
