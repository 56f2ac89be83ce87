// What the codes of WhatsApp's errors mean for Aeon (https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes).

/**
 * What is to be done: `again` later, by itself; `token`, when somebody has put the access right; `account`, when somebody
 * has put the business account right; `shut`, nothing in this chat; `refused`, nothing about this message.
 */
export type FailureKind = "again" | "token" | "account" | "shut" | "refused";

/** Whom it is about: the chat with one number, or everything that this business number does. */
export type FailureScope = "chat" | "account";

/** What a code means. */
export interface CodeMeaning {
	kind: FailureKind;
	/** For a person, without its full stop. */
	sentence: string;
	/** How long nothing is to be asked there. */
	pauseMs?: number;
	scope?: FailureScope;
	/** Calls of every kind are limited, and not messages only. */
	limitsCalls?: boolean;
	/** It does not pass before somebody has put it right, or an hour is over. */
	isBlock?: boolean;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** What somebody has to put right is looked at again so often. */
const ACCOUNT_PAUSE_MS = 30 * MINUTE;

const fault = (sentence: string): CodeMeaning => ({ kind: "again", sentence });

const limit = (sentence: string, pauseMs: number): CodeMeaning => ({
	kind: "again",
	sentence,
	pauseMs,
	scope: "account",
});

const callLimit = (pauseMs: number): CodeMeaning => ({
	...limit("WhatsApp wants fewer calls for a while", pauseMs),
	limitsCalls: true,
});

const block = (sentence: string): CodeMeaning => ({
	...limit(sentence, HOUR),
	isBlock: true,
});

const token = (sentence: string): CodeMeaning => ({
	kind: "token",
	sentence,
	scope: "account",
	isBlock: true,
});

const account = (sentence: string): CodeMeaning => ({
	kind: "account",
	sentence,
	pauseMs: ACCOUNT_PAUSE_MS,
	scope: "account",
	isBlock: true,
});

const shut = (sentence: string): CodeMeaning => ({
	kind: "shut",
	sentence,
	scope: "chat",
});

const refused = (sentence: string): CodeMeaning => ({
	kind: "refused",
	sentence,
});

const BAD_TOKEN = token("WhatsApp does not accept the access token");
const NO_PERMISSION = token(
	"The access token may not do this: it needs the permission whatsapp_business_messaging for this number",
);
const BAD_REGISTRATION = account(
	"The business number is not registered with WhatsApp as it has to be",
);
const BAD_TEMPLATE = refused("WhatsApp does not take this template");
const BAD_REQUEST = refused("WhatsApp does not take this message as it is");
const BAD_FILE = refused("WhatsApp does not take this file");

const MEANINGS: Record<number, CodeMeaning> = {
	0: BAD_TOKEN,
	1: fault("WhatsApp has a fault"),
	2: fault("WhatsApp is not available at the moment"),
	3: NO_PERMISSION,
	4: callLimit(5 * MINUTE),
	10: NO_PERMISSION,
	33: account("WhatsApp says that the business number was deleted"),
	100: BAD_REQUEST,
	102: BAD_TOKEN,
	190: BAD_TOKEN,
	368: block(
		"WhatsApp has blocked the business account for breaking its rules: Meta's Business Support Home tells why",
	),
	429: callLimit(MINUTE),
	613: callLimit(MINUTE),
	80007: callLimit(5 * MINUTE),
	130403: shut("WhatsApp does not let Aeon write to this number"),
	130429: limit("WhatsApp wants fewer messages at a time", 10 * SECOND),
	130472: shut(
		"WhatsApp does not deliver to this number, which is part of an experiment of Meta's",
	),
	130497: shut(
		"WhatsApp does not let this business account write to this country",
	),
	131000: fault("WhatsApp has a fault"),
	131001: refused("WhatsApp finds this message too long"),
	131002: BAD_REQUEST,
	131005: NO_PERMISSION,
	131006: refused("WhatsApp does not know what this message refers to"),
	131008: BAD_REQUEST,
	131009: BAD_REQUEST,
	131016: fault("WhatsApp is not available at the moment"),
	131021: shut("This is the business number itself, which gets no messages"),
	131026: shut(
		"WhatsApp cannot deliver to this number: it is not on WhatsApp, has an old version of it, or has not accepted its terms",
	),
	131030: shut(
		"A test number writes only to numbers on its list: add this one to the recipients in Meta's app, under WhatsApp, API Setup",
	),
	131031: account(
		"WhatsApp has locked the business account: Meta's Business Support Home tells why",
	),
	131037: account(
		"The business number needs a display name that WhatsApp has approved: see WhatsApp Manager",
	),
	131042: account(
		"WhatsApp does not send because of a payment: see the billing settings of the business account",
	),
	131043: refused("The message was not delivered in time"),
	131045: BAD_REGISTRATION,
	131047: shut(
		"WhatsApp lets Aeon write only within 24 hours after a person's last message: they have to write first",
	),
	131048: block(
		"WhatsApp limits the business number, because people blocked it or reported it as spam",
	),
	131049: shut(
		"WhatsApp chose not to deliver this, so that people do not get too many messages from businesses",
	),
	131050: shut("This person does not want such messages from this number"),
	131051: refused("WhatsApp does not take this kind of message"),
	131052: BAD_FILE,
	131053: BAD_FILE,
	131055: BAD_REQUEST,
	131056: {
		kind: "again",
		sentence: "WhatsApp wants fewer messages at a time to this number",
		pauseMs: 10 * SECOND,
		scope: "chat",
	},
	131057: limit(
		"The business account is being worked on by WhatsApp",
		5 * MINUTE,
	),
	131060: BAD_REQUEST,
	131062: BAD_REQUEST,
	133004: fault("WhatsApp is not available at the moment"),
	133010: BAD_REGISTRATION,
	135000: BAD_REQUEST,
	135001: account("The business account is not connected to WhatsApp any more"),
};

/** Of `100`: what stands in the address is not there, or the token may not see it. */
const UNKNOWN_OBJECT = 33;

const UNKNOWN_NUMBER = token(
	"WhatsApp does not know this phone_number_id, or the access token may not use it",
);

/** What an HTTP status means that comes with a code of which nothing is known; undefined where it tells nothing. */
export function meaningOfStatus(status: number): CodeMeaning | undefined {
	if (status === 401) return BAD_TOKEN;
	if (status === 429) return callLimit(MINUTE);
	return status >= 500 ? fault("WhatsApp has a fault") : undefined;
}

/** What a code means; undefined where nobody has said. */
export function meaningOf(
	code: number,
	subcode?: unknown,
): CodeMeaning | undefined {
	if (code === 100 && subcode === UNKNOWN_OBJECT) return UNKNOWN_NUMBER;
	if (Object.hasOwn(MEANINGS, code)) return MEANINGS[code];
	if (code >= 200 && code < 300) return NO_PERMISSION;
	if (code >= 132_000 && code < 133_000) return BAD_TEMPLATE;
	return code >= 133_000 && code < 134_000 ? BAD_REGISTRATION : undefined;
}
