// A mailbox in front of a runtime, and a person who is told how each turn ended.

import { Mailbox } from "../../src/agent/mailbox.ts";
import type { Runtime } from "../../src/agent/runtime.ts";
import type { Sender } from "../../src/agent/sender.ts";
import type { TurnResult } from "../../src/core/event.ts";
import type { InboundMessage } from "../../src/core/message.ts";
import type { SessionStore, WaitingMessage } from "../../src/storage/store.ts";
import { openTestAeon } from "../support/aeon.ts";
import type { FakeAnswer, FakeRequest } from "../support/fake_llm.ts";
import { modelSaying } from "../support/server.ts";

export const KEY = "agent:main:post:777";

/** What a person was told of a turn, and the runs that it finished. */
export interface Outcome {
	result: TurnResult;
	runIds: readonly string[];
}

export interface MailRig extends AsyncDisposable {
	store: SessionStore;
	runtime: Runtime;
	outcomes: Outcome[];
	/** What the model was asked, without the time that stands before it. */
	asked(): string[];
	/** Resolves when the model has been asked so often. */
	askedOnce(n: number): Promise<unknown>;
	/** A sender whose messages are joined and who is told of every end. */
	sender(fields?: Partial<Sender>): Sender;
	/** A mailbox that knows of nothing yet, as after a restart. */
	mailbox(): Mailbox;
	/** Takes up what waits as a new process does, and resolves to how much that was when all of it is answered. */
	restart(sender?: Sender): Promise<number>;
	/** Puts messages into the store as a process does that is killed before it begins their turn. */
	leave(...messages: WaitingMessage[]): Promise<void>;
	/** Puts them there as a process does that is killed in their one turn. */
	leaveTaken(...messages: WaitingMessage[]): Promise<void>;
}

/** A message, by its text. */
export function mail(
	text: string,
	fields: Partial<InboundMessage> = {},
): InboundMessage {
	return { sessionKey: KEY, text, ...fields };
}

/** One that waits, by the number of its run. */
export function waiting(
	n: number,
	fields: Partial<WaitingMessage> = {},
): WaitingMessage {
	const receivedAt = Date.now();
	return {
		...mail(`m${n}`),
		runId: `run-${n}`,
		dialog: "post",
		receivedAt,
		...fields,
	};
}

export async function openMailRig(
	answer: (request: FakeRequest, n: number) => FakeAnswer | Promise<FakeAnswer>,
): Promise<MailRig> {
	const model = await modelSaying(answer);
	// Whoever counts what the model is asked wants no summaries among it.
	const it = await openTestAeon(model.agent, { compaction: { at: 0 } });
	const { runtime, store } = it.aeon;
	const outcomes: Outcome[] = [];
	const mailbox = () => {
		const quiet = () => {};
		const logger = {
			debug: quiet,
			info: quiet,
			warn: quiet,
			error: quiet,
			hide: quiet,
			close: quiet,
		};
		return new Mailbox({ store, runtime, logger });
	};
	const tell: MailRig["sender"] = (fields = {}) => ({
		tell() {},
		approve: async () => "deny",
		send: async () => "",
		joins: true,
		async deliver(result, runIds) {
			outcomes.push({ result, runIds });
			await store.finishMessages(runIds);
		},
		...fields,
	});
	const leave = async (...messages: WaitingMessage[]) => {
		for (const one of messages) await store.acceptMessage(one);
	};
	return {
		store,
		runtime,
		outcomes,
		asked: () =>
			model.llm.requests.map(({ lastText }) =>
				String(lastText.split("] ").at(-1)),
			),
		askedOnce: (n) => model.llm.arrival(n - 1),
		sender: tell,
		mailbox,
		async restart(sender = tell()) {
			const box = mailbox();
			const taken = await box.resume("post", () => sender);
			while (runtime.isBusy(KEY)) await new Promise(setImmediate);
			await box.settled();
			return taken;
		},
		leave,
		async leaveTaken(...messages) {
			await leave(...messages);
			const text = messages.map((one) => one.text).join("\n\n");
			await store.saveMessage(
				messages[0]?.sessionKey ?? KEY,
				{ role: "user", content: text },
				Date.now(),
				messages.map(({ runId }) => runId),
			);
		},
		async [Symbol.asyncDispose]() {
			await it[Symbol.asyncDispose]();
			model[Symbol.dispose]();
		},
	};
}
