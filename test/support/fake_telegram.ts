// Telegram's Bot API on a real socket, with its rules, and with the ways in which its network fails.

import type { Update } from "grammy/types";
import { type Clock, steadyClock } from "../../src/core/clock.ts";
import {
	chatOf,
	FakeChats,
	type VisibleMessage,
} from "../dialogs/telegram/fake_chats.ts";
import {
	badRequest,
	methodNamed,
	type Parameters,
	Refused,
	readParameters,
	unknownParameters,
} from "../dialogs/telegram/fake_rules.ts";
import { FakeUpdates } from "../dialogs/telegram/fake_updates.ts";
import { type HttpCall, startHttp } from "./fake_http.ts";

/** One call as it arrived. */
export interface FakeCall {
	/** `file` for a download. */
	method: string;
	params: Parameters;
	/** By the fake's clock. */
	at: number;
}

/** How calls fail. */
export interface FakeFailure {
	/** `*` for every method, `file` for downloads. */
	method: string;
	/** 1 by default; `Number.POSITIVE_INFINITY` until `mend()`. */
	times?: number;
	/** Calls that go well before. */
	after?: number;
	/** 500 by default, 429 with `retryAfter`. */
	status?: number;
	description?: string;
	/** Seconds; calls for the same chat within them are violations. */
	retryAfter?: number;
	/** Further `parameters` of the answer, such as `migrate_to_chat_id`. */
	parameters?: object;
	/** `drop_after`, `hang_after`: it is carried out, then the connection is cut, or left alone, without an answer. */
	mode?: "reset" | "hang" | "html502" | "drop_after" | "hang_after";
	/** Where a download is redirected to. */
	location?: string;
}

/** A running fake. `calls` and `violations` may be emptied by a test. */
export interface FakeTelegram {
	url: string;
	token: string;
	port: number;
	bot: { id: number; username: string };
	calls: FakeCall[];
	violations: string[];
	/** What `setMyCommands` set. */
	commands(): { command: string; description: string }[];
	/** Queues an update and gives its id. */
	push(update: Omit<Update, "update_id">): number;
	/** Somebody writes; from a group, by `extra.from`. Gives the message's id. `text` may be empty where `extra` has media. */
	say(chatId: number, text: string, extra?: object): number;
	/** Somebody changes a message of theirs. */
	amend(chatId: number, messageId: number, text: string, extra?: object): void;
	/** Somebody presses the last button with this text; gives the query's id. Throws where there is none. */
	press(chatId: number, button: string, from?: object): string;
	/** What a person sees in the chat from the bot, in order, edits and deletions applied. */
	visible(chatId: number): VisibleMessage[];
	/** What `getFile` of this id leads to. */
	addFile(fileId: string, bytes: Uint8Array, path?: string): void;
	fail(failure: FakeFailure): void;
	/** Nothing fails any more. */
	mend(): void;
	/** Updates that nobody has confirmed. */
	pending(): number;
	/** How many getUpdates are open now, answered or not. */
	pollers(): number;
	/** Calls of any kind that arrived and are not answered. */
	open(): number;
	/** The most pollers there ever were. */
	maxPollers(): number;
	/** The webhook that is set. */
	webhook(): { url: string; secret?: string } | undefined;
	/** Sets one as another program would. */
	useWebhook(url: string): void;
	refuse(): Promise<void>;
	accept(): Promise<void>;
	/** What is open now goes half open: it takes everything and answers nothing. New connections work. */
	freeze(): void;
	stop(): Promise<void>;
}

const MAX_DOWNLOAD = 20 * 1024 * 1024;

/** Starts it. `clock` is the time of long polls, `retryAfter` and the webhook's repeats. */
export async function startFakeTelegram(
	options: { token?: string; port?: number; clock?: Clock } = {},
): Promise<FakeTelegram> {
	const token =
		options.token ?? "123456789:AAFakeTelegramTokenForTestsOnly_0123";
	const clock = options.clock ?? steadyClock;
	const bot = {
		id: Number(token.split(":")[0]) || 1,
		is_bot: true as const,
		first_name: "Fake",
		username: "fake_test_bot",
		can_join_groups: true,
		can_read_all_group_messages: false,
		supports_inline_queries: false,
	};
	const calls: FakeCall[] = [];
	const violations: string[] = [];
	const files = new Map<string, { bytes: Uint8Array; path: string }>();
	const queries = new Set<string>();
	const quietUntil = new Map<string, number>();
	const open = new Set<HttpCall>();
	let failures: (FakeFailure & { times: number; after: number })[] = [];
	let commands: { command: string; description: string }[] = [];
	const breach = (what: string) => void violations.push(what);
	const chats = new FakeChats(bot, breach, clock.now);
	const updates = new FakeUpdates(clock, breach);

	const carryOut = async (
		method: string,
		params: Parameters,
		call: HttpCall,
	): Promise<unknown> => {
		switch (method) {
			case "getMe":
				return bot;
			case "getUpdates":
				return updates.poll(params, call);
			case "setWebhook":
				return updates.setWebhook(params);
			case "deleteWebhook":
				return updates.setWebhook({ ...params, url: "" });
			case "getWebhookInfo":
				return updates.webhookInfo();
			case "editMessageText":
			case "editMessageCaption":
			case "editMessageReplyMarkup":
				return chats.edit(method, params);
			case "deleteMessage":
				return chats.remove(params);
			case "sendChatAction":
				return chats.act(params);
			case "getChat":
				return chatOf(Number(params.chat_id));
			case "getFile":
				return describeFile(params);
			case "answerCallbackQuery":
				if (!queries.has(String(params.callback_query_id)))
					throw badRequest(
						"query is too old and response timeout expired or query ID is invalid",
					);
				if (String(params.text ?? "").length > 200)
					throw badRequest("MESSAGE_TOO_LONG");
				return true;
			case "setMyCommands":
				commands = readCommands(params.commands);
				return true;
			case "deleteMyCommands":
				commands = [];
				return true;
			default:
				return chats.send(method, params);
		}
	};

	const describeFile = ({ file_id }: Parameters) => {
		const file = files.get(file_id);
		if (!file)
			throw badRequest("wrong file_id or the file is temporarily unavailable");
		if (file.bytes.length > MAX_DOWNLOAD) throw badRequest("file is too big");
		return {
			file_id,
			file_unique_id: `unique${file_id}`,
			file_size: file.bytes.length,
			file_path: file.path,
		};
	};

	/** Throws 429 where it comes too early. */
	const checkPause = (method: string, params: Parameters) => {
		const leftMs =
			(quietUntil.get(String(params.chat_id ?? method)) ?? 0) - clock.now();
		if (leftMs <= 0) return;
		breach(`${method} within the retry_after of ${params.chat_id ?? method}`);
		throw tooMany(Math.ceil(leftMs / 1_000));
	};

	const failureOf = (method: string) => {
		const failure = failures.find(
			(one) =>
				one.times > 0 &&
				(one.method === "*" ||
					one.method.toLowerCase() === method.toLowerCase()),
		);
		if (!failure) return undefined;
		if (failure.after-- > 0) return undefined;
		failure.times--;
		return failure;
	};

	const serve = async (call: HttpCall) => {
		const { pathname, search } = new URL(call.path, "http://fake");
		const [, isFile, given, rest = ""] =
			/^(\/file)?\/bot([^/]+)\/(.*)$/.exec(pathname) ?? [];
		if (given === undefined) throw new Refused(404, "Not Found");
		if (decodeURIComponent(given) !== token)
			throw new Refused(401, "Unauthorized");
		const type = call.headers["content-type"] ?? "";
		const params = await readParameters(search, type, call.body).catch(() => {
			throw badRequest("can't parse the request");
		});
		const method = isFile ? "file" : methodNamed(rest);
		calls.push({ method, params, at: clock.now() });
		const failure = failureOf(method);
		const mode = failure?.mode;
		if (!isFile) checkPause(method, params);
		if (method === "getUpdates") await updates.count(call);
		if (mode === "hang") return;
		if (mode === "reset") return call.reset();
		if (mode === "html502") return void call.answer(502, HTML, HTML_TYPE);
		if (failure && mode === undefined) {
			if (failure.location !== undefined)
				return void call.answer(302, "", { location: failure.location });
			if (failure.retryAfter === undefined)
				throw new Refused(
					failure.status ?? 500,
					failure.description ?? "Internal Server Error",
					failure.parameters,
				);
			quietUntil.set(
				String(params.chat_id ?? method),
				clock.now() + failure.retryAfter * 1_000,
			);
			throw tooMany(failure.retryAfter);
		}
		if (isFile) {
			const path = decodeURIComponent(rest);
			const file = [...files.values()].find((one) => one.path === path);
			if (!file) throw new Refused(404, "Not Found");
			return void call.answer(200, file.bytes, {
				"content-type": "application/octet-stream",
			});
		}
		for (const name of unknownParameters(method, params))
			breach(`${method} has no parameter ${name}`);
		const result = await carryOut(method, params, call);
		if (mode === "drop_after") return call.reset();
		if (mode === "hang_after") return;
		call.answer(200, JSON.stringify({ ok: true, result }));
	};

	const push = (update: object) =>
		updates.push(update as unknown as Omit<Update, "update_id">);
	const messageOf = (
		chatId: number,
		message_id: number,
		text: string,
		extra: object,
	) => ({
		message_id,
		from: personOf(chatId),
		chat: chatOf(chatId),
		date: Math.floor(clock.now() / 1_000),
		...(text === "" ? {} : { text, ...entitiesOf(text) }),
		...extra,
	});

	const http = await startHttp(options.port ?? 0, (call) => {
		open.add(call);
		void call.closed.then(() => open.delete(call));
		const { answer } = call;
		call.answer = (...content) => {
			const isSent = answer(...content);
			if (isSent) open.delete(call);
			return isSent;
		};
		serve(call).catch((error: unknown) => {
			const refused =
				error instanceof Refused ? error : new Refused(500, String(error));
			if (refused.status === 500 && !(error instanceof Refused))
				breach(`the fake itself failed: ${error}`);
			call.answer(
				refused.status,
				JSON.stringify({
					ok: false,
					error_code: refused.status,
					description: refused.message,
					parameters: refused.parameters,
				}),
			);
		});
	});

	return {
		url: `http://127.0.0.1:${http.port}`,
		token,
		port: http.port,
		bot,
		calls,
		violations,
		commands: () => commands,
		push: (update) => updates.push(update),
		say(chatId, text, extra = {}) {
			const id = chats.hear(chatId, text);
			push({ message: messageOf(chatId, id, text, extra) });
			return id;
		},
		amend(chatId, messageId, text, extra = {}) {
			const edited = { edit_date: Math.floor(clock.now() / 1_000), ...extra };
			push({ edited_message: messageOf(chatId, messageId, text, edited) });
		},
		press(chatId, button, from = personOf(chatId)) {
			const message = chats
				.visible(chatId)
				.findLast((one) => one.buttons?.some(({ text }) => text === button));
			const data = message?.buttons?.find(({ text }) => text === button)?.data;
			if (!message || data === undefined)
				throw new Error(`there is no button ${button} in ${chatId}`);
			const id = String(9_000 + queries.size);
			queries.add(id);
			push({
				callback_query: {
					id,
					from,
					message: chats.describe({ ...message, chatId }),
					chat_instance: "1",
					data,
				},
			});
			return id;
		},
		visible: (chatId) => chats.visible(chatId),
		addFile: (fileId, bytes, path = `documents/${fileId}`) =>
			void files.set(fileId, { bytes, path }),
		fail: (failure) => void failures.push({ times: 1, after: 0, ...failure }),
		mend: () => {
			failures = [];
		},
		pending: () => updates.pending(),
		pollers: () => updates.pollers(),
		open: () => open.size,
		maxPollers: () => updates.maxPollers,
		webhook: () => updates.webhook,
		useWebhook: (url) => void updates.setWebhook({ url }),
		refuse: http.refuse,
		accept: http.accept,
		freeze: http.freeze,
		async stop() {
			updates.stop();
			await http.stop();
		},
	};
}

const HTML =
	"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n";
const HTML_TYPE = { "content-type": "text/html" };

function tooMany(seconds: number): Refused {
	return new Refused(429, `Too Many Requests: retry after ${seconds}`, {
		retry_after: seconds,
	});
}

function personOf(chatId: number): object {
	const id = Math.abs(chatId);
	return { id, is_bot: false, first_name: `User ${id}`, language_code: "en" };
}

/** Commands and mentions, which Telegram marks. */
function entitiesOf(text: string): { entities?: object[] } {
	const entities = [...text.matchAll(/(?<!\S)(\/\w+(?:@\w+)?|@\w{5,32})/g)].map(
		({ 0: found, index }) => ({
			type: found.startsWith("/") ? "bot_command" : "mention",
			offset: index,
			length: found.length,
		}),
	);
	return entities.length > 0 ? { entities } : {};
}

function readCommands(value: unknown) {
	const list = Array.isArray(value) ? value : [];
	for (const { command, description } of list) {
		if (!/^[a-z0-9_]{1,32}$/.test(command))
			throw badRequest("BOT_COMMAND_INVALID");
		if (!description || description.length > 256)
			throw badRequest("BOT_COMMAND_DESCRIPTION_INVALID");
	}
	return list;
}
