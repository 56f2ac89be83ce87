// What is said to Aeon from outside the machine, and whether all of it is there afterwards.

import { hasCode } from "../../src/core/errors.ts";
import { pause } from "../../src/core/pause.ts";
import { Connection } from "../../src/remote/connection.ts";
import type { Address } from "../../src/remote/failure.ts";

const CONNECT_MS = 20_000;

/** How long what was interrupted may take until it is answered. */
const ANSWERED_MS = 15_000;
const LOOK_MS = 200;

/** A tool call of the demo's, by what is said, and what its answer has to have in it. */
const TOOL_CALLS = [
	{ message: "write hello to a.txt", tool: "file_write", answer: "5 bytes" },
	{ message: "read a.txt", tool: "file_read", answer: "hello" },
	{ message: "run uname -m", tool: "exec", answer: "aarch64" },
];

/** Stands for an answer whose words nobody has heard. */
const ANY_ANSWER = "assistant: …";

/** A client, and what it knows to have been said in each session: in short, one text a message, in order. */
export class Conversation {
	readonly #address: Address;
	readonly #said = new Map<string, string[]>();
	#connection: Connection | undefined;

	constructor(address: Address) {
		this.#address = address;
	}

	/** Connects, or connects again. */
	async connect(): Promise<void> {
		this.disconnect();
		const { connection } = await Connection.open({
			locate: () => this.#address,
			firstMs: CONNECT_MS,
			isPatient: true,
		});
		// Every piece of every answer would be most of what the emulator has to do.
		await connection.request("events.subscribe", {
			events: ["agent.tool_call"],
		});
		this.#connection = connection;
	}

	/** Forgets the connection; nothing is asked again. */
	disconnect(): void {
		this.#connection?.close();
		this.#connection = undefined;
	}

	/** Has each kind of tool called. Throws where one does not do its work. */
	async callTools(sessionKey: string): Promise<void> {
		for (const { message, tool, answer } of TOOL_CALLS) {
			const { text = "", toolCalls = [] } = await this.#turn(
				sessionKey,
				message,
			);
			const [call] = toolCalls;
			if (call?.name !== tool || !call.success || !text.includes(answer))
				throw new Error(
					`"${message}" was not answered by ${tool} with "${answer}", but so: ${text}`,
				);
			this.#note(
				sessionKey,
				`user: ${message}`,
				`assistant calls ${tool}`,
				`tool: ${tool}`,
				`assistant: ${text}`,
			);
		}
	}

	/** Turns without a tool: so many in each of these sessions, one after the other. */
	async talk(sessionKeys: string[], turns: number): Promise<void> {
		for (const sessionKey of sessionKeys)
			for (let n = 1; n <= turns; n++) {
				const message = `This is turn ${n}.`;
				const { text = "" } = await this.#turn(sessionKey, message);
				if (!text.includes(message))
					throw new Error(`"${message}" was answered with: ${text}`);
				this.#note(sessionKey, `user: ${message}`, `assistant: ${text}`);
			}
	}

	/** Resolves once a turn is in the middle of a tool that takes a minute. */
	async beginLongTurn(sessionKey: string): Promise<void> {
		const message = "run sleep 60";
		const { promise, resolve } = Promise.withResolvers<void>();
		this.#open.onEvent(({ event, data }) => {
			if (event === "agent.tool_call" && data.sessionKey === sessionKey)
				resolve();
		});
		await this.#open.request("agent.send", { sessionKey, message });
		await promise;
		// A result that never came is not made up in the history.
		this.#note(
			sessionKey,
			`user: ${message}`,
			"assistant calls exec",
			ANY_ANSWER,
		);
	}

	/** Says something in a session and resolves as soon as that is acknowledged. */
	async say(sessionKey: string, message: string): Promise<void> {
		await this.#open.request("agent.send", { sessionKey, message });
		this.#note(sessionKey, `user: ${message}`, ANY_ANSWER);
	}

	/** Throws where a session lacks something, has something twice or has it elsewhere; waits for running turns first. */
	async checkHistories(): Promise<void> {
		const deadline = Date.now() + ANSWERED_MS;
		for (;;) {
			const { queue } = await this.#open.request("status", {});
			const problems = await this.#differences();
			const isIdle = queue.running + queue.waiting === 0;
			if (isIdle && problems.length === 0) return;
			if (Date.now() > deadline)
				throw new Error(
					`${problems.length} of ${this.#said.size} sessions are not as they were:\n${problems.join("\n")}`,
				);
			await pause(LOOK_MS);
		}
	}

	get #open(): Connection {
		if (!this.#connection) throw new Error("There is no connection.");
		return this.#connection;
	}

	#turn(sessionKey: string, message: string) {
		return this.#open.request("agent.send", {
			sessionKey,
			message,
			wait: true,
		});
	}

	#note(sessionKey: string, ...texts: string[]): void {
		const said = this.#said.get(sessionKey) ?? [];
		this.#said.set(sessionKey, [...said, ...texts]);
	}

	async #differences(): Promise<string[]> {
		const problems: string[] = [];
		for (const [sessionKey, said] of this.#said) {
			const problem = firstDifference(said, await this.#history(sessionKey));
			if (problem) problems.push(`${sessionKey}: ${problem}`);
		}
		return problems;
	}

	async #history(sessionKey: string): Promise<string[]> {
		const pages: string[][] = [];
		let before: number | null = null;
		do {
			const page = await this.#page(sessionKey, before);
			pages.unshift(
				page.messages.map(({ role, content, toolCalls, toolName }) => {
					if (role === "tool") return `tool: ${toolName}`;
					const called = toolCalls?.map(({ name }) => name).join();
					return called ? `${role} calls ${called}` : `${role}: ${content}`;
				}),
			);
			before = page.cursor;
		} while (before !== null);
		return pages.flat();
	}

	async #page(sessionKey: string, before: number | null) {
		try {
			return await this.#open.request("session.history", {
				sessionKey,
				limit: 500,
				...(before !== null && { before }),
			});
		} catch (error) {
			if (hasCode(error, "not_found")) return { messages: [], cursor: null };
			throw error;
		}
	}
}

function firstDifference(said: string[], found: string[]): string | undefined {
	const length = Math.max(said.length, found.length);
	for (let at = 0; at < length; at++) {
		const [one = "nothing", other = "nothing"] = [said[at], found[at]];
		const isSame =
			one === ANY_ANSWER ? other.startsWith("assistant: ") : one === other;
		if (!isSame)
			return `message ${at + 1} of ${said.length} was "${one}", and there is "${other}" (${found.length} in all)`;
	}
	return undefined;
}
