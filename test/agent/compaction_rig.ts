// A runtime over a real database, an agent's model and a writer of summaries on real sockets, and a clock that stands still.

import { join } from "node:path";
import type { Agent } from "../../src/agent/agent.ts";
import type { Origin } from "../../src/agent/request.ts";
import { Runtime, type RuntimeParts } from "../../src/agent/runtime.ts";
import type { RuntimeEvent, TurnResult } from "../../src/core/event.ts";
import type { LogFields, Logger, LogLevel } from "../../src/core/logger.ts";
import type { Fact, UserMemory } from "../../src/core/memory.ts";
import type { Message } from "../../src/core/message.ts";
import type { LlmClient } from "../../src/llm/client.ts";
import { sqlite } from "../../src/storage/sqlite.ts";
import type { SessionStore, StoredMessage } from "../../src/storage/store.ts";
import { createOpenai } from "../llm/asking.ts";
import { Changes } from "../support/changes.ts";
import {
	type FakeAnswer,
	type FakeLlm,
	type FakeRequest,
	startFakeLlm,
} from "../support/fake_llm.ts";
import { temporaryFolder } from "../support/home.ts";

export const KEY = "agent:main:cli:test";

type Script = (
	request: FakeRequest,
	n: number,
) => FakeAnswer | Promise<FakeAnswer>;

export interface Logged {
	level: LogLevel;
	event: string;
	fields: LogFields;
}

export interface CompactionRig extends AsyncDisposable {
	store: SessionStore;
	runtime: Runtime;
	/** Who answers, and who sums up. */
	llm: FakeLlm;
	writer: FakeLlm;
	agent: Agent;
	events: RuntimeEvent[];
	logs: Logged[];
	/** What `now` of the clock gives. */
	clock: { time: number };
	/** The file of the store. */
	path: string;
	say(text: string, sessionKey?: string): Promise<TurnResult>;
	/** Puts turns into the session without asking anybody; each has two messages. */
	fill(turns: number, sessionKey?: string): Promise<StoredMessage[]>;
	/** Resolves once it is true, looked at after each event and each line of the log. */
	until(isTrue: () => boolean): Promise<void>;
	/** How often a session was summed up. */
	compacted(sessionKey?: string): number;
	/** The sessions that were summed up, once nothing waits for that any more. */
	summedUp(): Promise<string[]>;
	/** A runtime that knows of nothing yet, as after a restart. */
	restart(parts?: Partial<RuntimeParts>): Runtime;
	logged(event: string): Logged[];
}

export interface RigOptions {
	answer?: Script;
	summarise?: Script;
	agent?: Partial<Omit<Agent, "compaction">>;
	at?: number;
	/** Settings of the two models. */
	model?: object;
	writing?: object;
	parts?: Partial<RuntimeParts>;
}

/** A turn's two messages, of some 60 tokens. */
export function exchange(n: number): [Message, Message] {
	return [
		{ role: "user", content: `question ${n} ${"about this ".repeat(8)}` },
		{ role: "assistant", content: `answer ${n} ${"about that ".repeat(8)}` },
	];
}

/** An agent that can do nothing but talk. */
export function talker(
	llm: LlmClient,
	writer: LlmClient,
	fields: Partial<Agent> = {},
): Agent {
	return {
		id: "main",
		llm,
		system: "You are a test.",
		toolSpecs: [],
		runTool: async () => ({ success: true, output: "done" }),
		historyLimit: 200,
		compaction: { at: 0.7, llm: writer },
		maxToolCalls: 25,
		maxTurnMs: 60_000,
		...fields,
	};
}

/** Where a test's turns come from: they ask nobody. */
export const nobody: Origin = {
	tell() {},
	approve: async () => "deny",
	send: async () => "",
};

/** A log in a list. */
export function listLogger(logs: Logged[], onLine = () => {}): Logger {
	const at =
		(level: LogLevel) =>
		(event: string, fields: LogFields = {}) => {
			logs.push({ level, event, fields });
			onLine();
		};
	return {
		debug: at("debug"),
		info: at("info"),
		warn: at("warn"),
		error: at("error"),
		hide() {},
		close() {},
	};
}

export async function openRig({
	answer = () => ({ text: "Well." }),
	summarise = () => ({ text: "They talked." }),
	agent: fields = {},
	at = 0.7,
	model = {},
	writing = {},
	parts = {},
}: RigOptions = {}): Promise<CompactionRig> {
	const folder = temporaryFolder();
	const path = join(folder.path, "sessions.db");
	const store = await sqlite.open({ sessions_db: path });
	const llm = await startFakeLlm({ api: "openai", script: answer });
	const writer = await startFakeLlm({ api: "openai", script: summarise });
	const changes = new Changes();
	const events: RuntimeEvent[] = [];
	const logs: Logged[] = [];
	const clock = { time: 0 };
	const window = { context_window: 8192, max_tokens: 1024 };
	const own = createOpenai(llm.url, { ...window, ...model });
	const other = createOpenai(writer.url, {
		model: "writer-1",
		...window,
		...writing,
	});
	const agent = talker(own, own, {
		...fields,
		compaction: { at, llm: other },
	});
	const open = (more: Partial<RuntimeParts> = {}) =>
		new Runtime({
			store,
			agents: new Map([["main", agent]]),
			logger: listLogger(logs, () => changes.tell()),
			clock: { now: () => clock.time },
			observe(event) {
				events.push(event);
				changes.tell();
			},
			...parts,
			...more,
		});
	const runtime = open();
	const opened = [runtime];
	const summedUp = () =>
		events.flatMap((event) =>
			event.type === "session.updated" && event.change === "compacted"
				? [event.sessionKey]
				: [],
		);
	return {
		store,
		runtime,
		llm,
		writer,
		agent,
		events,
		logs,
		clock,
		path,
		say: (text, sessionKey = KEY) =>
			runtime.submit({ sessionKey, text }, nobody).result,
		async fill(turns, sessionKey = KEY) {
			const saved: StoredMessage[] = [];
			for (let n = 0; n < turns; n++)
				for (const message of exchange(n))
					saved.push(await store.saveMessage(sessionKey, message, Date.now()));
			return saved;
		},
		until: (isTrue) => changes.until(isTrue),
		compacted: (sessionKey = KEY) =>
			summedUp().filter((key) => key === sessionKey).length,
		async summedUp() {
			// They are summed up one after the other.
			await runtime.compact("agent:main:cli:nobody");
			return summedUp();
		},
		restart(more) {
			const next = open(more);
			opened.push(next);
			return next;
		},
		logged: (event) => logs.filter((line) => line.event === event),
		async [Symbol.asyncDispose]() {
			for (const one of opened) await one.stop();
			await store.close();
			llm.stop();
			writer.stop();
			folder[Symbol.dispose]();
		},
	};
}

/** A memory of these facts, in which each search finds all of them or what the function gives. */
export function memoryOf(
	search: string[] | ((text: string, signal: AbortSignal) => Promise<Fact[]>),
): UserMemory {
	const found = Array.isArray(search)
		? async () => search.map((text, id) => ({ id, text, savedAt: 0 }))
		: search;
	const never = async () => {
		throw new Error("nobody asks for this");
	};
	return {
		search: (text, _limit, signal) => found(text, signal),
		save: never,
		forget: never,
		searchSessions: never,
	};
}

/** The texts of a request's messages, by their roles. */
export function textsOf({ body }: FakeRequest): string[] {
	return (body.messages ?? []).map(
		({ role, content }) => `${role}: ${String(content)}`,
	);
}
