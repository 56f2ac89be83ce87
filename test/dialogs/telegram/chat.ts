// Aeon in this process with a Telegram dialog, between a fake Bot API and a fake model: what a person sees of it.

import {
	type FakeAnswer,
	type FakeRequest,
	said,
} from "../../support/fake_llm.ts";
import {
	type FakeTelegram,
	startFakeTelegram,
} from "../../support/fake_telegram.ts";
import {
	config,
	type InProcess,
	modelSaying,
	openServer,
} from "../../support/server.ts";
import { until } from "../../support/until.ts";

/** Whom the chats are with. */
export const ANNA = 777;
export const BERT = 778;
export const STRANGER = 888;
export const GROUP = -100_123;

type Script = (
	request: FakeRequest,
	n: number,
) => FakeAnswer | Promise<FakeAnswer>;

/** What a test has. */
export interface Chat extends AsyncDisposable {
	telegram: FakeTelegram;
	/** The requests that reached the model. */
	requests: FakeRequest[];
	aeon: InProcess;
	/** What the chat shows of the bot, as plain texts. */
	texts(chatId?: number): string[];
	/** Resolves when the chat shows so many messages of the bot, the last of which is not being made any more. */
	shows(count: number, chatId?: number): Promise<string[]>;
	/** Ends Aeon and starts it again in the same home. */
	restart(): Promise<void>;
	/** The same with other options of the dialog, and other sections. */
	restartWith(
		telegramOptions: object,
		sections: Record<string, object>,
	): Promise<void>;
}

/** By default the model repeats what it was told. */
const echo: Script = (request) => ({ text: `You said: ${said(request)}` });

/** Opens one; `sections` are those of aeon.json, `telegram` the options of its dialog. */
export async function openChat(
	script: Script = echo,
	telegramOptions: object = {},
	sections: Record<string, object> = {},
): Promise<Chat> {
	const telegram = await startFakeTelegram();
	const model = await modelSaying(script);
	const all = (more: object = {}, others: Record<string, object> = sections) =>
		config(model.agent, {
			...others,
			dialogs: {
				telegram: {
					enabled: true,
					bot_token: telegram.token,
					api_root: telegram.url,
					allowed_users: [ANNA, BERT],
					...telegramOptions,
					...more,
				},
			},
		});
	const chat: Chat = {
		telegram,
		requests: model.llm.requests,
		aeon: await openServer(all()),
		texts: (chatId = ANNA) =>
			telegram.visible(chatId).map(({ text }) => text ?? ""),
		async shows(count, chatId = ANNA) {
			await until(
				() => chat.texts(chatId).length >= count && isQuiet(telegram, chatId),
			);
			return chat.texts(chatId);
		},
		restart: () => chat.restartWith({}, sections),
		async restartWith(more, others) {
			await chat.aeon.stop();
			chat.aeon = await openServer(all(more, others), chat.aeon.home);
		},
		async [Symbol.asyncDispose]() {
			await chat.aeon[Symbol.asyncDispose]();
			await telegram.stop();
			model[Symbol.dispose]();
		},
	};
	return chat;
}

/** So long without a call for the chat, nothing more is being made in it: edits follow one another within a second. */
const QUIET_MS = 300;

function isQuiet(telegram: FakeTelegram, chatId: number): boolean {
	const last = telegram.calls.findLast(
		({ method, params }) =>
			/^(send|edit)/.test(method) && Number(params.chat_id) === chatId,
	);
	return !last || Date.now() - last.at > QUIET_MS;
}
