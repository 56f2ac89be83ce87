// The port to dialogs: the ways in which a person and Aeon talk.

import type { ZodMiniObject } from "zod/mini";
import type { ApprovalRequest, Decision } from "../core/approval.ts";
import type { Clock } from "../core/clock.ts";
import type { CommandContext, CommandReply } from "../core/command.ts";
import type {
	DeliveryReport,
	DialogState,
	OutboundFile,
} from "../core/delivery.ts";
import type { Acceptance, TurnEvent, TurnResult } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import type { InboundMessage, RemoteFile } from "../core/message.ts";
import type { PersonId } from "../core/pairing.ts";

/** What Aeon says in a dialog. */
export interface OutboundMessage {
	/** Markdown; where the dialog has `split`, one of the parts that this gave. */
	text: string;
	/** A file to be sent; the text is its caption, and may then be empty. */
	file?: OutboundFile;
	/** The message it answers, as `InboundMessage.reference` named that one. */
	replyTo?: string;
	/** Set where an earlier try may have arrived: look for it from where `bookmark` was then, or mark this one as a repeat. */
	triedAt?: string;
	/** The session in which it is said. */
	sessionKey?: string;
	/** What whoever sends it calls it by. */
	deliveryId?: string;
	/** Which part of that it is, counted from 0. */
	part?: number;
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
	 * again. What its turn says comes through `show`, or is sent where the dialog has `split`. Throws `busy` where too many
	 * wait, and then nothing is kept.
	 */
	accept(message: InboundMessage): Promise<Acceptance>;
	/** Changes a message of a session that waits still, by its `reference`; false where no such message waits. */
	amend(
		sessionKey: string,
		reference: string,
		change: Pick<InboundMessage, "text" | "files">,
	): Promise<boolean>;
	/** Takes up what was accepted before Aeon ended and is not finished; gives how many messages that were. */
	resume(): Promise<number>;
	/** Stops what runs and waits in a session; false where nothing does. */
	cancel(sessionKey: string): Promise<boolean>;
	/** Runs a command such as `/new` and gives what to answer; undefined where it is no command. */
	command(
		line: string,
		context: CommandContext,
	): Promise<CommandReply | undefined>;
	/**
	 * Says something that is no turn's answer, in Markdown, surely: once this has resolved it survives a restart. With a
	 * `deliveryId` it is said once, however often this is asked. Only where the dialog has `split`.
	 */
	say(
		to: string,
		message: Pick<OutboundMessage, "text" | "replyTo" | "deliveryId">,
	): Promise<void>;
	/** True where something was said with this `deliveryId`, or is on its way, in the last days. */
	hasSaid(deliveryId: string): Promise<boolean>;
	/**
	 * Takes in what the platform tells of a message that Aeon has sent. What failed is said to the person, else to the owner,
	 * or sent again where that may help. Gives true where it was news: not of a message that is not Aeon's, nor of one of which
	 * as much was known.
	 */
	confirm(report: DeliveryReport): Promise<boolean>;
	/** The text of a message that was sent to somebody in the last days, as the platform calls it; undefined where it is not Aeon's. */
	said(to: string, platformId: string): Promise<string | undefined>;
	/** Tells how the dialog is; it counts as running until this is told. */
	report(state: DialogState): void;
}

/**
 * One way of talking. `to` is whom a session's key names last. What a dialog sends over a network fails with
 * `peer_unavailable` where nothing was done, `peer_silent` where that is unknown, `peer_rejected` where trying again does
 * not help; its `status` is then 403 where nothing reaches this chat any more, 401 where the platform does not know Aeon
 * (it is tried again, for that can be put right), 400 where what was to be edited is gone.
 */
export interface DialogProvider {
	/** The third part of its session keys. */
	readonly name: string;
	/** Begins to take messages in; does not wait for a network. */
	start(host: DialogHost): Promise<void>;
	/** Ends it within three seconds: no message is taken in afterwards. May be called more than once; sending still works. */
	stop(): Promise<void>;
	/** Sends a message to a user of this dialog; resolves when it is there, to what the platform calls it. */
	send(
		to: string,
		message: OutboundMessage,
		signal?: AbortSignal,
	): Promise<string | undefined>;
	/** Shows what a turn tells, in the order told. */
	show?(to: string, event: TurnEvent): void;
	/** Asks the person of a session, or the `sender` among them; `deny` where they do not answer before the signal aborts. */
	approve?(
		sessionKey: string,
		request: ApprovalRequest,
		signal: AbortSignal,
		sender?: string,
	): Promise<Decision>;
	/**
	 * Markdown as the parts that the platform takes, each one message. A dialog that has this is sent to by the outbox:
	 * surely, in order, through restarts; and what waits in a session is taken together into one turn.
	 */
	split?(text: string): string[];
	/** Puts another text in the place of a message's; done also where it was the same. */
	edit?(
		to: string,
		platformId: string,
		message: OutboundMessage,
		signal?: AbortSignal,
	): Promise<void>;
	/** Takes a message away. */
	remove?(to: string, platformId: string): Promise<void>;
	/** How long an edit may follow another one in this chat, in milliseconds. */
	editPauseMs?(to: string): number;
	/** Where a chat stands: what `send` needs later to find a message of which nobody knows whether it arrived. */
	bookmark?(to: string): string | undefined;
	/**
	 * How long the platform may need to tell what became of a message whose sending got no answer, in milliseconds: it is
	 * not sent again before.
	 */
	confirmationMs?: number;
	/** False of a kind of file that cannot carry words: they are sent before it. */
	captions?(mimeType: string): boolean;
	/** Shows for a few seconds that an answer is being made, to the message with this `InboundMessage.reference`. */
	typing?(to: string, signal: AbortSignal, reference?: string): Promise<void>;
	/** How long one call of `typing` shows, in milliseconds; 5,000 where it is not said. */
	typingMs?: number;
	/** Fetches what came with a message, piece by piece. */
	media?(file: RemoteFile, signal: AbortSignal): AsyncIterable<Uint8Array>;
	/** The platform does not keep files for long: they are fetched while their message waits for its turn. */
	mediaExpires?: boolean;
	/** What the platform sends to `/webhooks/<name>` of Aeon's own port. */
	webhook?(request: Request): Promise<Response>;
	/** Whom somebody means, as session keys name them. Throws `peer_rejected`, with a sentence, where that is nobody. */
	addressOf?(to: string): string;
	/** True of chats that `message_send` may write to from elsewhere. */
	mayReach?(to: string): boolean;
	/** Whom the news of other dialogs go to that cannot be told there: the first one who may talk to Aeon. */
	owner?(): string | undefined;
}

/** What a dialog that is configured in aeon.json is opened with. */
export interface DialogContext<Options> {
	/** Its section as it is now: a reload puts another one in its place. */
	options(): Options;
	/** The agent that answers in it. */
	agent(): string;
	/** The directory for what it has to remember. */
	state: string;
	logger: Logger;
	/** For waiting. */
	clock: Clock;
}

/** How somebody is let into a dialog by a code, in the words of `aeon pair`. */
export interface DialogPairing {
	/** Where the code is sent, such as `to your bot`. */
	where: string;
	/** What people are called by, such as `a numeric id`. */
	idForm: string;
	/** That of somebody, as a person types it; undefined where it is none. */
	readId(text: string): PersonId | undefined;
	/** The keys that its section needs, as they are written in aeon.json. */
	section: string;
	/** What they are, as the end of a sentence that begins with the section. */
	source: string;
}

/** What a platform said when it was asked whether it can be talked to. */
export interface PlatformFinding {
	/** What was asked, such as `getMe`. */
	name: string;
	state: "ok" | "warning" | "problem";
	/** What it said, in a sentence. */
	text: string;
	/** What to do about it. */
	hint?: string;
}

/** A kind of dialog: the word under `dialogs` in aeon.json names it in `registry.ts`. */
export interface DialogDriver<Options = never> {
	/** What its section may have, beside `enabled` and `agent`. Defaults live here. */
	readonly options: ZodMiniObject;
	/** The options that it cannot do without. */
	readonly requiredKeys: readonly string[];
	/** The options that count only at a start. */
	readonly restartKeys: readonly string[];
	/** Set where people can be let in by a code. */
	readonly pairing?: DialogPairing;
	/**
	 * Asks the platform whether a section is good, without taking any message in; a platform that refuses or cannot be
	 * reached is a finding. Throws only what the signal aborts with.
	 */
	check?(options: Options, signal: AbortSignal): Promise<PlatformFinding[]>;
	/** Opens it; what it needs is loaded only now. */
	open(context: DialogContext<Options>): Promise<DialogProvider>;
}
