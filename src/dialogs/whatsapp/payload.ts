// What Meta posts, read in a way that takes anything: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages

import { asList, asRecord, asText, isRecord } from "../../core/json.ts";
import { phoneNumberOf } from "../../core/phone_number.ts";
import { cleanName } from "../one_line.ts";

/** One change of an account: what has happened, and to which number of the business. */
export interface Change {
	/** What kind of change it is: `messages`, or one that is not about messages. */
	field: string;
	/** Empty where it names none. */
	phoneNumberId: string;
	messages: ReceivedMessage[];
	statuses: ReceivedStatus[];
	/** What WhatsApp reports beside any message. */
	errors: unknown[];
	/** Messages and statuses that have no id. */
	unreadable: number;
}

/** What every message and every edit of one says. */
export interface MessageBody {
	/** `text`, `image`, …; empty where it is none that can be told. */
	type: string;
	/** What stands under its type. */
	content: Record<string, unknown>;
	/** What it answers, and whether it was forwarded. */
	context: Record<string, unknown>;
	/** The advertisement that it was begun from. */
	referral: Record<string, unknown> | undefined;
	/** Contacts that were sent. */
	contacts: unknown[];
}

/** A message as it comes in. */
export interface ReceivedMessage extends MessageBody {
	/** WhatsApp's own id of it. */
	id: string;
	/** Whom it is from, in E.164; undefined where they are known by a user id only. */
	from: string | undefined;
	/** What they call themselves. */
	name: string;
	/** Milliseconds since 1970. */
	sentAt: number | undefined;
	/** The group it was said in. */
	groupId: string;
}

/** What has become of a message that was sent. */
export interface ReceivedStatus {
	id: string;
	status: string;
	/** What Aeon gave along when it sent it. */
	callbackData: unknown;
	errors: unknown[];
}

/** Ids are shorter by far; what is longer is none. */
const MAX_ID_LENGTH = 512;

/** The kinds of messages by the key that each one's content stands under. */
const TYPES = [
	"text",
	"image",
	"audio",
	"video",
	"document",
	"sticker",
	"location",
	"contacts",
	"button",
	"interactive",
	"order",
	"reaction",
	"edit",
	"revoke",
	"system",
	"unsupported",
];

/** Every change that was posted, in order. */
export function readPayload(posted: Record<string, unknown>): Change[] {
	return asList(posted.entry)
		.flatMap((entry) => asList(asRecord(entry)?.changes))
		.filter(isRecord)
		.map(readChange);
}

/** What a message says, or the message within an edit. */
export function readBody(message: Record<string, unknown>): MessageBody {
	const { type: given, context, referral } = message;
	const has = (key: string) =>
		message[key] !== undefined && message[key] !== null;
	const type = asText(given) || (TYPES.find(has) ?? "");
	return {
		type,
		content: (Object.hasOwn(message, type) && asRecord(message[type])) || {},
		context: asRecord(context) ?? {},
		referral: asRecord(referral),
		contacts: asList(message.contacts),
	};
}

/** An id, also where it came as a number; empty where there is none. */
export function readId(value: unknown): string {
	const id = typeof value === "number" ? String(value) : asText(value);
	return id.length <= MAX_ID_LENGTH ? id : "";
}

function readChange({ field, value: given }: Record<string, unknown>): Change {
	const value = asRecord(given) ?? {};
	const names = readNames(value.contacts);
	const all = [...asList(value.messages), ...asList(value.statuses)];
	const messages = asList(value.messages)
		.filter(hasId)
		.map((message) => readMessage(message, names));
	const statuses = asList(value.statuses).filter(hasId).map(readStatus);
	return {
		field: asText(field),
		phoneNumberId: readId(asRecord(value.metadata)?.phone_number_id),
		messages,
		statuses,
		errors: asList(value.errors),
		unreadable: all.length - messages.length - statuses.length,
	};
}

function hasId(value: unknown): value is Record<string, unknown> {
	return isRecord(value) && readId(value.id) !== "";
}

/** What people call themselves, by their numbers. */
function readNames(contacts: unknown): Map<unknown, unknown> {
	return new Map(
		asList(contacts).map((contact) => {
			const { wa_id, profile } = asRecord(contact) ?? {};
			return [wa_id, asRecord(profile)?.name];
		}),
	);
}

function readMessage(
	message: Record<string, unknown>,
	names: Map<unknown, unknown>,
): ReceivedMessage {
	const { id, from, timestamp, group_id } = message;
	const seconds = Number(timestamp);
	return {
		...readBody(message),
		id: readId(id),
		from: phoneNumberOf(from),
		name: cleanName(asText(names.get(from))),
		sentAt: seconds > 0 ? seconds * 1_000 : undefined,
		groupId: readId(group_id),
	};
}

function readStatus(status: Record<string, unknown>): ReceivedStatus {
	return {
		id: readId(status.id),
		status: asText(status.status),
		callbackData: status.biz_opaque_callback_data,
		errors: asList(status.errors),
	};
}
