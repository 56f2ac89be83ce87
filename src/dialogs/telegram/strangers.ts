// What somebody is told who may not talk to Aeon; and how a code lets them in.

import type { Message } from "grammy/types";
import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Pairing } from "../../core/pairing.ts";
import type { DialogHost } from "../provider.ts";
import { type Access, type Stranger, speakerOf } from "./access.ts";
import type { Memory } from "./memory.ts";
import type { Place } from "./place.ts";

/** What answers strangers. */
export interface StrangerParts {
	host: Pick<DialogHost, "say">;
	memory: Pick<Memory, "mayTell">;
	pairing: Pick<Pairing, "redeem">;
	logger: Logger;
}

/**
 * Answers a stranger: with a greeting where they have sent the code, else shortly, and at most once a day. Never fails: what
 * cannot be said to a stranger must not hold up the others.
 */
export async function answerStranger(
	message: Message,
	stranger: Stranger,
	place: Place,
	{ host, memory, pairing, logger }: StrangerParts,
): Promise<void> {
	if (stranger.what === "nobody") return;
	const { what, id } = stranger;
	const { to, messageId, replyTo } = place;
	try {
		if (what === "user") {
			const { name } = speakerOf(message);
			if (await pairing.redeem(message.text ?? "", { id, name })) {
				logger.info("telegram.paired", { id });
				return await host.say(to, {
					text: "Welcome: from now on you may talk to this Aeon. Write to me, or see /help.",
					deliveryId: `paired-${messageId}`,
				});
			}
		}
		if (!(await memory.mayTell(id))) return;
		logger.info("telegram.stranger", { what, id });
		await host.say(to, {
			text: explain(stranger),
			deliveryId: `stranger-${messageId}`,
			...(replyTo !== undefined && { replyTo }),
		});
	} catch (error) {
		logger.warn("telegram.stranger_unanswered", {
			problem: describeError(error),
		});
	}
}

/** Tells somebody who may talk to Aeon why what they passed on was not read. */
export function explainForward({
	id,
	name,
}: NonNullable<ReturnType<Access["strangerBehind"]>>): string {
	const who = id === undefined ? name : `${name} (id ${id})`;
	const listing =
		id === undefined
			? ""
			: `, or have ${id} added to dialogs.telegram.allowed_users in aeon.json`;
	return `That was forwarded from ${who}, who is not listed here, so I have not read it. Copy its text into a message of your own${listing}.`;
}

function explain({ what, id }: Exclude<Stranger, { what: "nobody" }>): string {
	const list = what === "group" ? "allowed_groups" : "allowed_users";
	const adding = `by adding ${id} to dialogs.telegram.${list} in aeon.json`;
	switch (what) {
		case "user":
			return `Your Telegram id is ${id}. The owner of this Aeon allows you ${adding}, or with a code from: aeon pair telegram`;
		case "group":
			return `This group's Telegram id is ${id}. The owner of this Aeon allows it ${adding}.`;
		case "sender_chat":
			return `You write here as a chat whose Telegram id is ${id}. The owner of this Aeon allows it ${adding}.`;
	}
}
