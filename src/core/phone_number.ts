// Phone numbers, in the form that session keys and allow lists have: E.164 with its plus.

import { AeonError } from "./errors.ts";

/** A plus, the country code and the number: 15 figures at most (ITU-T E.164, 6.2.1). */
const E164 = /^\+[1-9]\d{6,14}$/;

/** A number as a person writes it, without spaces, dots, dashes and brackets; undefined where it is none with its country code. */
export function readPhoneNumber(text: string): string | undefined {
	const number = text.replace(/[\s().\p{Pd}]/gu, "");
	return E164.test(number) ? number : undefined;
}

/** The number of what WhatsApp calls a person by (`wa_id`): the same figures without a plus. */
export function phoneNumberOf(waId: unknown): string | undefined {
	return typeof waId === "string"
		? readPhoneNumber(`+${waId.replace(/^\+/, "")}`)
		: undefined;
}

/** Whom a session's key names, as a number. Throws `peer_rejected` where that is none. */
export function parsePhoneNumber(to: string): string {
	const number = readPhoneNumber(to);
	if (number === undefined)
		throw new AeonError(
			"peer_rejected",
			`"${to.slice(0, 80).toWellFormed()}" is no phone number: write it with its country code, such as +15551234567`,
		);
	return number;
}
