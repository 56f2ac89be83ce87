// The Telegram dialog: its parts put together.

import type { Update } from "grammy/types";
import { openPairing } from "../../core/pairing.ts";
import { Secret } from "../../core/secret.ts";
import { parseSessionKey } from "../../core/session.ts";
import type { DialogContext, DialogHost, DialogProvider } from "../provider.ts";
import { createAccess } from "./access.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { openClient } from "./client.ts";
import { fileFailure } from "./failure.ts";
import { createIntake } from "./intake.ts";
import { Introduction } from "./introduction.ts";
import { renderParts } from "./markdown.ts";
import { openMemory } from "./memory.ts";
import { Messenger } from "./messenger.ts";
import { Poller, type PollerOptions } from "./poller.ts";
import { Questions } from "./questions.ts";
import type { TelegramOptions } from "./telegram.ts";
import { createWebhook } from "./webhook.ts";

/** One of the two ways in which updates come. */
interface WayIn {
	start(): void;
	stop(): Promise<void>;
	handle?(request: Request): Promise<Response>;
}

/** Opens the dialog. Nothing is asked of Telegram before it is started. */
export async function openTelegram(
	context: DialogContext<TelegramOptions>,
): Promise<DialogProvider> {
	const { options, agent, state, logger, clock } = context;
	const { bot_token: token, api_root: apiRoot } = options();
	if (!token) throw new Error("bot_token is a required key");
	const client = openClient({ token, apiRoot });
	const { botId } = client;
	// Codes are made by another process, and a day is one of the calendar.
	const now = Date.now;
	const memory = openMemory({ state, now, logger });
	const pairing = openPairing({ state, dialog: "telegram", now, logger });
	const access = createAccess({
		options,
		botId,
		isPaired: pairing.isPaired,
		originOf: memory.originOf,
	});
	const messenger = new Messenger({ client, memory, clock });
	const questions = new Questions({ client, messenger, clock, logger });
	const introduction = new Introduction({ client, memory, clock, logger });
	let wayIn: WayIn | undefined;

	const openWayIn = async (host: DialogHost): Promise<WayIn> => {
		const intake = createIntake({
			host,
			agent,
			botId,
			username: memory.username,
			access,
			memory,
			pairing,
			logger,
			press: (query) => questions.press(query),
		});
		const parts: PollerOptions = {
			client,
			clock,
			logger,
			async take(update) {
				noteMessages(update, messenger);
				await introduction.made;
				await intake.take(update);
			},
			report(how) {
				host.report(how);
				if (how.state === "running") introduction.make();
			},
		};
		const { webhook_url: url, webhook_secret } = options();
		if (url === undefined) return new Poller(parts);
		const secret = webhook_secret ?? new Secret(await memory.webhookSecret());
		return createWebhook({ ...parts, url, secret });
	};

	return {
		name: "telegram",
		async start(host) {
			const { allowed_users, allowed_groups } = options();
			const people = [...allowed_users, ...allowed_groups, ...pairing.list()];
			if (people.length === 0)
				logger.warn("telegram.nobody", { reason: NOBODY });
			wayIn = await openWayIn(host);
			wayIn.start();
		},
		async stop() {
			introduction.stop();
			await wayIn?.stop();
		},
		split: renderParts,
		send: (to, message, signal) => messenger.send(to, message, signal),
		edit: (to, id, message, signal) => messenger.edit(to, id, message, signal),
		remove: (to, id) => messenger.remove(to, id),
		editPauseMs: (to) => messenger.editPauseMs(to),
		bookmark: (to) => messenger.bookmark(to),
		typing: (to, signal) => messenger.typing(to, signal),
		approve(sessionKey, request, signal, sender) {
			const { userId: to } = parseSessionKey(sessionKey);
			// A private chat has the id of whom it is with.
			const person = Number(sender ?? parseAddress(to).chatId);
			return questions.ask(to, person, request, signal);
		},
		async *media({ id }, signal) {
			const call = client.ask("getFile", { file_id: id }, { signal });
			const { file_path } = await call.catch((error) => {
				throw fileFailure(error);
			});
			if (file_path) yield* client.download(file_path, signal);
		},
		async webhook(request) {
			const answer = wayIn?.handle?.(request);
			return (await answer) ?? new Response("Not in use.\n", { status: 404 });
		},
		owner() {
			const paired = pairing.people().map(({ id }) => id);
			return [...options().allowed_users, ...paired][0]?.toString();
		},
		addressOf: (to) => formatAddress(parseAddress(to)),
		mayReach(to) {
			try {
				return access.isAllowedChat(parseAddress(to).chatId);
			} catch {
				return false; // it is no chat of Telegram's
			}
		},
	};
}

const NOBODY =
	"dialogs.telegram lists no user and no group, so nobody may talk to Aeon there: add an id to allowed_users, or run aeon pair telegram";

/** Remembers where the chats of an update stand. */
function noteMessages(update: Update, messenger: Messenger): void {
	const { message, edited_message, channel_post, callback_query } = update;
	const seen = [message, edited_message, channel_post, callback_query?.message];
	for (const one of seen) if (one) messenger.note(one.chat.id, one.message_id);
}
