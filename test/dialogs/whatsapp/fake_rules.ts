// What the Cloud API takes at POST /<phone number id>/messages, and how it says no. From Meta's pages "Text messages", "Image messages"
// and its siblings, "Interactive reply buttons messages", "Contextual replies", "Mark messages as read", "Typing indicators" and "Error codes".

/** A JSON object of the wire. */
// biome-ignore lint/suspicious/noExplicitAny: whatever came over the wire
export type Fields = Record<string, any>;

/** A file that lies with Meta. */
export interface FakeFile {
	id: string;
	mimeType: string;
	name: string;
	bytes: Uint8Array;
}

/** What a message says to a person. */
export interface Said {
	type: string;
	/** Of a file its caption. */
	text: string;
	file?: { mimeType: string; name: string; size: number };
	buttons?: { id: string; title: string }[];
	/** The message that it answers. */
	replyTo?: string;
}

/** How the Graph API says no. */
export class GraphRefusal extends Error {
	readonly code: number;
	readonly status: number;
	readonly details: string | undefined;

	constructor(code: number, details?: string, status?: number) {
		super(titleOf(code));
		this.code = code;
		this.status = status ?? statusOf(code);
		this.details = details;
	}
}

/** A refusal of what nobody who keeps the rules would ask. */
export class Breach extends GraphRefusal {}

/** By code the HTTP status and the title, of "Error codes". */
const ERRORS: Record<number, [status: number, title: string]> = {
	0: [401, "AuthException"],
	1: [400, "API Unknown"],
	2: [503, "API Service"],
	4: [400, "API Too Many Calls"],
	10: [403, "Permission Denied"],
	33: [400, "Parameter value is not valid"],
	100: [400, "Invalid parameter"],
	190: [401, "Access token has expired"],
	368: [403, "Temporarily blocked for policies violations"],
	80007: [400, "Rate limit issues"],
	130429: [400, "Rate limit hit"],
	130472: [400, "User's number is part of an experiment"],
	131000: [500, "Something went wrong"],
	131005: [403, "Access denied"],
	131008: [400, "Required parameter is missing"],
	131009: [400, "Parameter value is not valid"],
	131016: [500, "Service unavailable"],
	131021: [400, "Recipient cannot be sender"],
	131026: [400, "Message undeliverable"],
	131031: [403, "Account has been locked"],
	131042: [400, "Business eligibility payment issue"],
	131045: [500, "Incorrect certificate"],
	131047: [400, "Re-engagement message"],
	131048: [400, "Spam rate limit hit"],
	131051: [400, "Unsupported message type"],
	131052: [400, "Media download error"],
	131053: [400, "Media upload error"],
	131056: [400, "(Business Account, Consumer Account) pair rate limit hit"],
	131057: [500, "Account in maintenance mode"],
};

/** The HTTP status that an error comes with. */
export function statusOf(code: number): number {
	return ERRORS[code]?.[0] ?? 400;
}

/** What an error is called. */
export function titleOf(code: number): string {
	return ERRORS[code]?.[1] ?? "Unknown error";
}

const MAX_TEXT = 4_096;
const MAX_CAPTION = 1_024;
const MAX_BODY = 1_024;
const MAX_BUTTONS = 3;
const MAX_BUTTON_ID = 256;
const MAX_BUTTON_TITLE = 20;
const MAX_CALLBACK_DATA = 512;

const ENVELOPE =
	"messaging_product recipient_type to type context biz_opaque_callback_data";

/** The fields that each kind of file has, and the types that it may be. */
const FILES: Record<string, [fields: string, types: RegExp]> = {
	image: ["id caption", /^image\/(jpeg|png)$/],
	video: ["id caption", /^video\/(mp4|3gpp)$/],
	audio: ["id voice", /^audio\//],
	document: ["id caption filename", /./],
	sticker: ["id", /^image\/webp$/],
};

/** Reads what is to be said to whom. Throws a `Breach` where that breaks a rule. */
export function readMessage(
	body: Fields,
	fileOf: (id: string) => FakeFile | undefined,
): { to: string; said: Said; tag?: string } {
	const { type = "text", to, context, biz_opaque_callback_data: tag } = body;
	checkFields(body, `${ENVELOPE} ${type}`, "the message");
	if (body.messaging_product !== "whatsapp")
		throw new Breach(100, "messaging_product must be whatsapp");
	if (!["individual", undefined].includes(body.recipient_type))
		throw new Breach(131009, "recipient_type must be individual");
	if (typeof to !== "string" || !/^\+?[1-9]\d{6,14}$/.test(to))
		throw new Breach(131009, `to is no phone number: ${to}`);
	if (tag !== undefined) checkLength(tag, MAX_CALLBACK_DATA, "the tag");
	if (context !== undefined) checkFields(context, "message_id", "context");
	const said = readSaid(type, body[type] ?? {}, fileOf);
	const replyTo = context && readText(context.message_id, "context.message_id");
	return {
		to: to.replace(/^\+/, ""),
		said: { ...said, ...(replyTo && { replyTo }) },
		...(tag !== undefined && { tag }),
	};
}

/** Reads which message is marked as read. Throws a `Breach` where that breaks a rule. */
export function readReceipt(body: Fields): { id: string; isTyping: boolean } {
	const { messaging_product, status, message_id, typing_indicator } = body;
	checkFields(
		body,
		"messaging_product status message_id typing_indicator",
		"the receipt",
	);
	if (messaging_product !== "whatsapp")
		throw new Breach(100, "messaging_product must be whatsapp");
	if (status !== "read") throw new Breach(131009, "status must be read");
	if (typing_indicator !== undefined) {
		checkFields(typing_indicator, "type", "typing_indicator");
		if (typing_indicator.type !== "text")
			throw new Breach(131009, "typing_indicator.type must be text");
	}
	const id = readText(message_id, "message_id");
	return { id, isTyping: typing_indicator !== undefined };
}

function readSaid(
	type: string,
	content: Fields,
	fileOf: (id: string) => FakeFile | undefined,
): Said {
	if (type === "text") {
		checkFields(content, "body preview_url", "text");
		const text = readText(content.body, "text.body");
		checkLength(text, MAX_TEXT, "text.body");
		return { type, text };
	}
	if (type === "interactive") return readButtons(content);
	const [fields, types] = FILES[type] ?? [];
	if (!fields || !types) throw new Breach(131051, `there is no type ${type}`);
	checkFields(content, fields, type);
	const file = fileOf(readText(content.id, `${type}.id`));
	if (!file) throw new Breach(131009, `${type}.id was not uploaded`);
	const { mimeType, bytes, name } = file;
	if (!types.test(mimeType))
		throw new Breach(131053, `${mimeType} is no ${type}`);
	const { caption: text = "", filename = name } = content;
	if (text !== "") checkLength(text, MAX_CAPTION, `${type}.caption`);
	return { type, text, file: { mimeType, name: filename, size: bytes.length } };
}

function readButtons(content: Fields): Said {
	checkFields(content, "type header body footer action", "interactive");
	checkFields(content.body, "text", "interactive.body");
	checkFields(content.action, "buttons", "interactive.action");
	if (content.type !== "button")
		throw new Breach(131009, "interactive.type must be button");
	const text = readText(content.body?.text, "interactive.body.text");
	checkLength(text, MAX_BODY, "interactive.body.text");
	const given: Fields[] = content.action?.buttons ?? [];
	const buttons = given.map((button) => {
		checkFields(button, "type reply", "a button");
		checkFields(button.reply, "id title", "a button's reply");
		if (button.type !== "reply")
			throw new Breach(131009, "a button's type must be reply");
		const id = readText(button.reply?.id, "a button's id");
		const title = readText(button.reply?.title, "a button's title");
		checkLength(id, MAX_BUTTON_ID, "a button's id");
		checkLength(title, MAX_BUTTON_TITLE, "a button's title");
		if (id.trim() !== id)
			throw new Breach(131009, "spaces around a button's id");
		return { id, title };
	});
	if (buttons.length < 1 || buttons.length > MAX_BUTTONS)
		throw new Breach(131009, `${buttons.length} buttons, not 1 to 3`);
	for (const key of ["id", "title"] as const)
		if (new Set(buttons.map((one) => one[key])).size < buttons.length)
			throw new Breach(131009, `two buttons have the same ${key}`);
	return { type: "interactive", text, buttons };
}

function checkFields(value: unknown, known: string, where: string): void {
	if (typeof value !== "object" || value === null || Array.isArray(value))
		throw new Breach(131008, `${where} is missing`);
	const names = known.split(" ");
	for (const name of Object.keys(value))
		if (!names.includes(name))
			throw new Breach(100, `Unexpected key "${name}" in ${where}`);
}

function readText(value: unknown, where: string): string {
	if (typeof value !== "string" || value.trim() === "")
		throw new Breach(131008, `${where} is missing`);
	if (!value.isWellFormed())
		throw new Breach(100, `half a character in ${where}`);
	if (value.includes("\ufffd")) throw new Breach(100, `U+FFFD in ${where}`);
	return value;
}

function checkLength(value: unknown, max: number, where: string): void {
	if (typeof value !== "string" || value.length < 1 || value.length > max)
		throw new Breach(131009, `${where} must have 1 to ${max} characters`);
}
