// Aeon's side of a Telegram chat that speaks, without the one that listens: outbox, messenger and questions on a fake clock.

import { join } from "node:path";
import type { OutboundFile } from "../../../src/core/delivery.ts";
import type { TurnEventBody, TurnResult } from "../../../src/core/event.ts";
import {
	type LogFields,
	type Logger,
	silent,
} from "../../../src/core/logger.ts";
import { type Attachment, NO_USAGE } from "../../../src/core/message.ts";
import { Secret } from "../../../src/core/secret.ts";
import { type MailedDialog, Outbox } from "../../../src/delivery/outbox.ts";
import {
	type BotClient,
	openClient,
} from "../../../src/dialogs/telegram/client.ts";
import { Introduction } from "../../../src/dialogs/telegram/introduction.ts";
import { renderParts } from "../../../src/dialogs/telegram/markdown.ts";
import {
	type Memory,
	openMemory,
} from "../../../src/dialogs/telegram/memory.ts";
import { Messenger } from "../../../src/dialogs/telegram/messenger.ts";
import { Questions } from "../../../src/dialogs/telegram/questions.ts";
import { sqlite } from "../../../src/storage/sqlite.ts";
import type { SessionStore } from "../../../src/storage/store.ts";
import { type FakeClock, fakeClock } from "../../support/fake_clock.ts";
import {
	type FakeTelegram,
	startFakeTelegram,
} from "../../support/fake_telegram.ts";
import { temporaryFolder } from "../../support/home.ts";

const STEP_MS = 100;
const MAX_MS = 60_000;

/** What a test has. */
export interface Speaking extends AsyncDisposable {
	telegram: FakeTelegram;
	clock: FakeClock;
	client: BotClient;
	memory: Memory;
	messenger: Messenger;
	questions: Questions;
	introduction: Introduction;
	outbox: Outbox;
	store: SessionStore;
	/** What was logged as a warning or an error. */
	logged: [event: string, fields?: LogFields][];
	/** Somebody says something, and Aeon hears of it. Gives the message's id. */
	hear(chatId: number, text?: string): number;
	/** What the chat shows of the bot, as plain texts. */
	texts(chatId: number): string[];
	/** The calls of these methods for a chat. */
	calls(method: string, chatId?: number): FakeTelegram["calls"];
	/** Lets the time pass in small steps until it is true; throws where it is not so after a minute. */
	until(isTrue: () => boolean): Promise<void>;
	/** Begins a turn for a chat, to be told event by event. */
	turn(chatId: number, runId?: string): SpokenTurn;
	/** Ends what speaks and begins it anew, with the same store. */
	restart(): Promise<void>;
}

/** A turn as it tells itself. */
export interface SpokenTurn {
	say(text: string): void;
	call(command: string): void;
	end(): Promise<void>;
}

/** Opens one. Calls are given up after `timeoutMs` of real time. */
export async function openSpeaking(
	timeoutMs = 10_000,
	file?: OutboundFile,
): Promise<Speaking> {
	const folder = temporaryFolder();
	let isQuiet = () => true;
	const clock = fakeClock(undefined, () => isQuiet());
	const telegram = await startFakeTelegram({ clock });
	isQuiet = () => telegram.open() === 0;
	const logged: Speaking["logged"] = [];
	const note = (event: string, fields?: LogFields) =>
		void logged.push([event, fields]);
	const logger: Logger = { ...silent, warn: note, error: note };
	const store = await sqlite.open({
		sessions_db: join(folder.path, "aeon.db"),
	});
	const open = () => {
		const { url: apiRoot } = telegram;
		const whole = openClient({ token: new Secret(telegram.token), apiRoot });
		const client: BotClient = {
			...whole,
			ask: (method, parameters, options) =>
				whole.ask(method, parameters, { timeoutMs, ...options }),
		};
		const memory = openMemory({ state: folder.path, now: clock.now, logger });
		const messenger = new Messenger({ client, memory, clock });
		const questions = new Questions({ client, messenger, clock, logger });
		const introduction = new Introduction({ client, memory, clock, logger });
		const outbox = new Outbox({
			dialog: dialogOf(messenger),
			store,
			clock,
			logger,
			observe() {},
			async openFile(_attachment: Attachment) {
				if (file) return file;
				throw new Error("no files here");
			},
		});
		return { client, memory, messenger, questions, introduction, outbox };
	};
	let runs = 0;
	const speaking: Speaking = {
		...open(),
		telegram,
		clock,
		store,
		logged,
		hear(chatId, text = "hello") {
			const id = telegram.say(chatId, text);
			speaking.messenger.note(chatId, id);
			return id;
		},
		texts: (chatId) => telegram.visible(chatId).map(({ text }) => text),
		calls: (method, chatId) =>
			telegram.calls.filter(
				(call) =>
					call.method === method &&
					(chatId === undefined || Number(call.params.chat_id) === chatId),
			),
		async until(isTrue) {
			for (let passedMs = 0; !isTrue(); passedMs += STEP_MS) {
				if (passedMs > MAX_MS) throw new Error("it has not become true");
				await clock.advance(STEP_MS);
			}
		},
		turn: (chatId, runId = `run-${++runs}`) =>
			openTurn(speaking.outbox, `${chatId}`, runId),
		async restart() {
			await speaking.outbox.close(AbortSignal.abort());
			speaking.introduction.stop();
			Object.assign(speaking, open());
			await speaking.outbox.resume();
		},
		async [Symbol.asyncDispose]() {
			await speaking.outbox.close(AbortSignal.abort());
			speaking.introduction.stop();
			await telegram.stop();
			await store.close();
			folder[Symbol.dispose]();
		},
	};
	return speaking;
}

/** As `dialog.ts` has it. */
function dialogOf(messenger: Messenger): MailedDialog {
	return {
		name: "telegram",
		async start() {},
		async stop() {},
		split: renderParts,
		send: (to, message, signal) => messenger.send(to, message, signal),
		edit: (to, id, message, signal) => messenger.edit(to, id, message, signal),
		remove: (to, id) => messenger.remove(to, id),
		editPauseMs: (to) => messenger.editPauseMs(to),
		bookmark: (to) => messenger.bookmark(to),
		typing: (to, signal) => messenger.typing(to, signal),
	};
}

function openTurn(outbox: Outbox, to: string, runId: string): SpokenTurn {
	const sessionKey = `agent:main:telegram:${to}`;
	const address = { dialog: "telegram", to, sessionKey };
	let seq = 0;
	let text = "";
	const tell = (body: TurnEventBody) =>
		outbox.show(address, { runId, sessionKey, seq: ++seq, ...body });
	tell({ type: "agent.start" });
	return {
		say(more) {
			text += more;
			tell({ type: "agent.delta", text: more });
		},
		call(command) {
			const input = { command };
			tell({ type: "agent.tool_call", callId: "1", name: "exec", input });
		},
		end() {
			const result: TurnResult = {
				runId,
				sessionKey,
				text,
				toolCalls: [],
				usage: NO_USAGE,
				stopReason: "end_turn",
			};
			tell({ type: "agent.done", result });
			return outbox.deliver(result, [runId], address);
		},
	};
}
