// What Telegram says of a bot token and of how its updates come, without taking any of them in.

import { describeError, hasCode } from "../../core/errors.ts";
import type { PlatformFinding } from "../provider.ts";
import { openClient, type Result } from "./client.ts";
import type { TelegramOptions } from "./telegram.ts";
import { webhookAddress } from "./webhook.ts";

/** So many updates that wait are no more than those of a night. */
const MANY_PENDING = 100;

/** Asks `getMe`, and `getWebhookInfo` where that went well. Who refuses is a problem, who cannot be reached a warning. */
export async function checkTelegram(
	options: TelegramOptions,
	signal: AbortSignal,
): Promise<PlatformFinding[]> {
	const { bot_token: token, api_root: apiRoot } = options;
	if (!token)
		return [
			{
				name: "getMe",
				state: "problem",
				text: "there is no bot token",
				hint: "Get one from @BotFather and put it into dialogs.telegram.bot_token.",
			},
		];
	const client = openClient({ token, apiRoot });
	const who = await ask("getMe", signal, async () =>
		describeBot(await client.ask("getMe", {}, { signal })),
	);
	if (who.state !== "ok") return [who];
	const way = await ask("getWebhookInfo", signal, async () =>
		describeWay(await client.ask("getWebhookInfo", {}, { signal }), options),
	);
	return [who, way];
}

type Said = Omit<PlatformFinding, "name">;

/** What a method came to; a refusal is a finding like any other. */
async function ask(
	name: string,
	signal: AbortSignal,
	work: () => Promise<Said>,
): Promise<PlatformFinding> {
	try {
		return { name, ...(await work()) };
	} catch (error) {
		signal.throwIfAborted();
		return { name, ...describeFailure(error) };
	}
}

/** A token that is none is not found rather than refused: it is a part of the address. */
function describeFailure(error: unknown): Said {
	const text = describeError(error);
	if (!hasCode(error, "peer_rejected"))
		return {
			state: "warning",
			text,
			hint: "Check the network, and dialogs.telegram.api_root where it is set.",
		};
	const isUnknown = error.status === 401 || error.status === 404;
	return {
		state: "problem",
		text: isUnknown ? `the bot token is wrong: ${text}` : text,
		...(isUnknown && { hint: "Copy it again from @BotFather, all of it." }),
	};
}

function describeBot({ username, first_name: name }: Result<"getMe">): Said {
	return { state: "ok", text: `This is @${username} (${name})` };
}

function describeWay(
	info: Result<"getWebhookInfo">,
	{ webhook_url: wanted }: TelegramOptions,
): Said {
	const { url = "", pending_update_count: count } = info;
	const waiting = `${count === 1 ? "1 update waits" : `${count} updates wait`}`;
	if (wanted === undefined && url !== "")
		return {
			state: "warning",
			text: `a webhook is set, at ${place(url)}; ${waiting}`,
			hint: "This configuration polls: aeon serve removes the webhook when it starts. Another program that uses this bot gets nothing more then.",
		};
	if (wanted !== undefined && url !== webhookAddress(wanted))
		return {
			state: "warning",
			text:
				url === ""
					? `no webhook is set yet; ${waiting}`
					: `the webhook leads elsewhere, to ${place(url)}; ${waiting}`,
			hint: "aeon serve sets the one of webhook_url when it starts.",
		};
	const way = url === "" ? "updates are polled" : "the webhook is set";
	if (url !== "" && info.last_error_message)
		return {
			state: "warning",
			text: `${way}; ${waiting}; the last delivery failed: ${info.last_error_message}`,
			hint: "Telegram must reach webhook_url from the internet, over HTTPS.",
		};
	if (count >= MANY_PENDING)
		return {
			state: "warning",
			text: `${way}; ${waiting}`,
			hint: "They come when aeon serve runs; Telegram keeps them for a day.",
		};
	return { state: "ok", text: `${way}; ${waiting}` };
}

/** An address without what may be a secret in it. */
function place(url: string): string {
	return URL.parse(url)?.origin ?? "an address that cannot be read";
}
