// The driver of the Telegram dialog: its options; what it needs beside is loaded when it is opened.

import * as z from "zod/mini";
import { secret } from "../../core/secret.ts";
import type { DialogDriver } from "../provider.ts";

const ids = (about: string) =>
	z._default(z.array(z.int()).check(z.describe(about)), []);

const url = (about: string) =>
	z.string().check(
		z.refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), {
			error: "is no address: write https://…",
		}),
		z.describe(about),
	);

const options = z.object({
	bot_token: z.optional(secret("The token that @BotFather gave you.")),
	allowed_users: ids("Numeric ids of the users who may talk to it"),
	allowed_groups: ids("Numeric ids of the groups that it listens to"),
	api_root: z._default(
		url("Where the Bot API is; another one for a server of your own"),
		"https://api.telegram.org",
	),
	webhook_url: z.optional(
		url("The public address of this Aeon; without it Telegram is polled"),
	),
	webhook_secret: z.optional(
		secret("What Telegram proves itself with; made where left out."),
	),
});

/** The section `dialogs.telegram`, beside what every dialog has. */
export type TelegramOptions = z.infer<typeof options>;

/** Telegram, by the Bot API. */
export const telegram = {
	options,
	requiredKeys: ["bot_token"],
	restartKeys: ["bot_token", "api_root", "webhook_url", "webhook_secret"],
	pairing: {
		where: "to your bot",
		idForm: "a numeric id",
		readId: (text) => (/^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined),
		section: '"bot_token": "${TELEGRAM_BOT_TOKEN}"',
		source: "with the token of @BotFather",
	},
	async check(options, signal) {
		const { checkTelegram } = await import("./checking.ts");
		return checkTelegram(options, signal);
	},
	async open(context) {
		const { openTelegram } = await import("./dialog.ts");
		return openTelegram(context);
	},
} satisfies DialogDriver<TelegramOptions>;
