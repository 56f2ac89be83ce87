// The part of the interview about Telegram: the bot, and who may talk to it.

import { AeonError } from "../core/errors.ts";
import { asList } from "../core/json.ts";
import { readUsers, type TelegramAnswers, wrongToken } from "./answers.ts";
import { tryBot } from "./checking.ts";
import type { Interview } from "./interview.ts";

/** The bot that is wanted, `off` where none is, `keep` where nothing was said. Throws as `interview` does. */
export async function askTelegram(
	about: Interview,
): Promise<"keep" | "off" | TelegramAnswers> {
	const { given, earlier, person } = about;
	if (given.noTelegram) return "off";
	const known = earlier.env.TELEGRAM_BOT_TOKEN || earlier.token;
	// Whoever has switched it on or off has answered that.
	const isNew = known && earlier.telegram.enabled === undefined;
	if (!person && !given.token && !given.users && !isNew) return "keep";
	let token = given.token ?? known;
	if (person && !given.token) {
		const where = earlier.hasTelegram
			? "Go on with the Telegram bot of before?"
			: "Set up Telegram with the token in TELEGRAM_BOT_TOKEN?";
		if (!known || !(await person.agree(where))) token = await typeToken(about);
	}
	if (!token) {
		if (!given.users) return "off";
		throw new AeonError(
			"usage",
			"--telegram-users needs a bot: give --telegram-token-file FILE, too",
		);
	}
	const bot = await tryToken(about, token);
	if (!bot) return "off";
	const users = given.users ?? (person && (await askUsers(about)));
	return { ...bot, ...(users && { users }) };
}

/** What was typed; blank for no bot. */
async function typeToken({ person }: Interview): Promise<string | undefined> {
	const typed = await person?.typeHidden(
		"Telegram: the bot's token, from @BotFather (blank for no Telegram)",
		(text) => (text === "" ? undefined : wrongToken(text)),
	);
	return typed || undefined;
}

/** A token that Telegram knows, or that is kept as it is; undefined where the person wants no bot any more. */
async function tryToken(
	about: Interview,
	first: string,
): Promise<{ token: string; name?: string } | undefined> {
	const { given, earlier, person, listener, signal } = about;
	for (let token: string | undefined = first; token; ) {
		if (given.isOffline) return { token };
		if (person) person.say("Asking Telegram …");
		const [who, ...others] = await tryBot(earlier.telegram, token, signal);
		if (who?.state === "ok") {
			listener.say(`${who.text}.`);
			for (const { state, text, hint } of others)
				if (state !== "ok") listener.warn(sentences(text, hint));
			const name = /@\w+/.exec(who.text)?.[0];
			return { token, ...(name && { name }) };
		}
		if (who?.state !== "problem") {
			listener.warn(`${who?.text}. So the bot token is unchecked.`);
			return { token };
		}
		if (!person)
			throw new AeonError("peer_rejected", who.text, {
				hint: `${who.hint ?? ""} Nothing was written. --offline writes it unchecked.`.trim(),
			});
		person.warn(sentences(who.text, who.hint));
		if (!(await person.agree("Try another token? (No keeps this one)")))
			return { token };
		token = await typeToken(about);
	}
	return undefined;
}

async function askUsers({
	person,
	earlier,
}: Interview): Promise<number[] | undefined> {
	const before = asList(earlier.telegram.allowed_users).join(", ");
	const typed = await person?.type(
		"Who may talk to it? Their numeric Telegram ids (blank: pair later)",
		{
			hint: "123456789, 987654321",
			...(before && { initial: before }),
			check: (text) =>
				readUsers(text)
					? undefined
					: "an id is a number, such as 123456789, and no @name",
		},
	);
	return typed || before ? readUsers(typed ?? "") : undefined;
}

function sentences(text: string, hint: string | undefined): string {
	return [`${text}.`, hint].filter(Boolean).join(" ");
}
