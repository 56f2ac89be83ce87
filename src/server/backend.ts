import type { Runtime } from "../agent/runtime.ts";
import type { Attachment } from "../core/message.ts";
import type { DialogHost } from "../dialogs/provider.ts";
import type { Memory } from "../memory/memory.ts";
import type { SessionStore, StoreHealth } from "../storage/store.ts";
import type { Payload } from "./protocol.ts";

/** A file that came with a message: one of the workspace, or bytes to be put there. */
export type IncomingFile =
	| { path: string }
	| { name: string; bytes: Uint8Array };

/** The Aeon behind a server: what its methods act on. What can change by a reload is a function. */
export interface Backend {
	runtime: Runtime;
	store: SessionStore;
	/** What is remembered of everybody. */
	memory: Pick<Memory, "list" | "search" | "forget" | "state">;
	/** What the dialog of the WebSocket clients talks to. */
	host: DialogHost;
	/** The messages that are on their way to their turns. */
	mailbox: {
		/** Stops what runs, waits or is on its way in a session; false where nothing is. */
		stop(sessionKey: string): boolean;
		/** Resolves when all that was given for a session by now is in its turns or waits for them. */
		arrived(sessionKey: string): Promise<void>;
	};
	agents(): Payload<"hello">["agents"];
	defaultAgent(): string;
	/** What a person should know of how the configuration came about. */
	notice(): string | undefined;
	/** The tools of an agent. Throws `not_found`. */
	tools(agent: string): Payload<"tool.list">["tools"];
	dialogs(): Payload<"dialog.list">["dialogs"];
	/** Sends by a dialog, and gives the id of what was sent. Throws `not_found` where there is none of that name, `usage` where it cannot send files. */
	send(
		dialog: string,
		to: string,
		text: string,
		attachments: readonly Attachment[],
	): Promise<string>;
	/** What a platform sends to a dialog; undefined where no such dialog takes anything in that way. */
	webhook(dialog: string, request: Request): Promise<Response> | undefined;
	/** Makes an attachment of a file. Throws `usage` where it cannot be one. */
	attach(file: IncomingFile): Promise<Attachment>;
	/** Every section of the configuration in force, secrets as `***`. */
	config(): Record<string, unknown>;
	configFile(): string | undefined;
	storageDriver(): string;
	health(): StoreHealth;
	/** What every person should know: sentences. */
	notices(): readonly string[];
	/** Errors that nobody expected, since the start. */
	faults(): number;
}
