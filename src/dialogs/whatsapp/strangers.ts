// What somebody is told who may not talk to Aeon; and how a code lets them in.

import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Pairing } from "../../core/pairing.ts";
import type { DialogHost } from "../provider.ts";
import type { Memory } from "./memory.ts";
import { readWords } from "./message.ts";
import type { ReceivedMessage } from "./payload.ts";

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
	message: ReceivedMessage,
	from: string,
	{ host, memory, pairing, logger }: StrangerParts,
): Promise<void> {
	const { id, name, type } = message;
	try {
		const code = type === "text" ? readWords(message) : "";
		if (await pairing.redeem(code, { id: from, name })) {
			logger.info("whatsapp.paired", { id: from });
			return await host.say(from, {
				text: "Welcome: from now on you may talk to this Aeon. Write to me, or see /help.",
				deliveryId: `paired-${id}`,
			});
		}
		if (!(await memory.mayTell(from))) return;
		logger.info("whatsapp.stranger", { id: from });
		await host.say(from, {
			text: `Your WhatsApp number is ${from}. The owner of this Aeon allows you by adding "${from}" to dialogs.whatsapp.allowed_users in aeon.json, or with a code from: aeon pair whatsapp`,
			deliveryId: `stranger-${id}`,
		});
	} catch (error) {
		logger.warn("whatsapp.stranger_unanswered", {
			problem: describeError(error),
		});
	}
}
