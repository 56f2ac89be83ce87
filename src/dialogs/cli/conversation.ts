// What a person says in `aeon chat`, at a terminal or through a pipe: messages, and the commands that a chat has of its own.

import type { TurnResult } from "../../core/event.ts";
import { completeSessionKey } from "../../core/session.ts";
import type { DialogHost } from "../provider.ts";

/** The answer to a command. */
export interface Obeyed {
	text: string;
	/** The person leaves the chat. */
	leaves?: boolean;
}

const HELP =
	"/session  show the session, or go on in another: /session NAME\n/exit     leave (so does Ctrl-D)";

/** A conversation: the session it is in, the model that answers, and what of it runs. */
export class Conversation {
	readonly #host: DialogHost;
	/** The sessions of the messages whose turns have not ended, the oldest first. */
	readonly #running: string[] = [];
	#sessionKey: string;
	#model: string | undefined;

	constructor(host: DialogHost, sessionKey: string) {
		this.#host = host;
		this.#sessionKey = sessionKey;
	}

	/** True while a turn runs or waits, in whichever session it was said. */
	get isRunning(): boolean {
		return this.#running.length > 0;
	}

	/** Says something in the session and resolves when its turn has ended; rejects where it cannot be taken. */
	async say(text: string): Promise<TurnResult> {
		const sessionKey = this.#sessionKey;
		const model = this.#model;
		this.#running.push(sessionKey);
		try {
			return await this.#host.receive({
				sessionKey,
				text,
				...(model && { model }),
			});
		} finally {
			this.#running.splice(this.#running.indexOf(sessionKey), 1);
		}
	}

	/** Stops all that runs and waits, and gives the sessions in which it did. */
	async stop(): Promise<string[]> {
		const stopped = [...new Set(this.#running)].map(async (key) =>
			(await this.#host.cancel(key)) ? [key] : [],
		);
		return (await Promise.all(stopped)).flat();
	}

	/** Obeys a command; undefined where the line is a message. Throws `usage` where a session's name is none. */
	async obey(line: string): Promise<Obeyed | undefined> {
		const [word = "", ...rest] = line.trim().split(/\s+/);
		switch (word.toLowerCase()) {
			case "/exit":
			case "/quit":
				return { text: "", leaves: true };
			case "/session":
				return this.#goTo(rest.join(" "));
			case "/stop":
				return (await this.#stopElsewhere()) ?? this.#ask(line);
			case "/help": {
				const help = await this.#ask(line);
				return { text: [help?.text, HELP].filter(Boolean).join("\n") };
			}
			default:
				return this.#ask(line);
		}
	}

	async #ask(line: string): Promise<Obeyed | undefined> {
		const reply = await this.#host.command(line, {
			sessionKey: this.#sessionKey,
			model: this.#model,
		});
		this.#model = reply?.model ?? this.#model;
		return reply && { text: reply.text };
	}

	#goTo(name: string): Obeyed {
		if (name !== "")
			this.#sessionKey = completeSessionKey(name, this.#sessionKey);
		return { text: `Session ${this.#sessionKey}` };
	}

	/** Stops what runs in other sessions, where nothing runs in this one: it is what the person means. */
	async #stopElsewhere(): Promise<Obeyed | undefined> {
		if (this.#running.includes(this.#sessionKey)) return undefined;
		const stopped = await this.stop();
		if (stopped.length === 0) return undefined;
		return {
			text: stopped.map((key) => `Stopping session ${key}.`).join("\n"),
		};
	}
}
