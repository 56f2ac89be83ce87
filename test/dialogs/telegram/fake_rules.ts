// What the Bot API knows and takes: its methods with their parameters (https://core.telegram.org/bots/api).

const REPLY =
	"disable_notification protect_content allow_paid_broadcast message_effect_id suggested_post_parameters reply_parameters reply_markup";
const CHAT =
	"business_connection_id chat_id message_thread_id direct_messages_topic_id";
const CAPTION = "caption parse_mode caption_entities";
const EDIT =
	"business_connection_id chat_id message_id inline_message_id reply_markup";

const METHODS: Record<string, string> = {
	sendMessage: `${CHAT} text parse_mode entities link_preview_options ${REPLY}`,
	editMessageText: `${EDIT} text parse_mode entities link_preview_options rich_message`,
	editMessageCaption: `${EDIT} ${CAPTION} show_caption_above_media`,
	editMessageReplyMarkup: EDIT,
	deleteMessage: "chat_id message_id",
	sendChatAction: "business_connection_id chat_id message_thread_id action",
	sendPhoto: `${CHAT} photo ${CAPTION} show_caption_above_media has_spoiler ${REPLY}`,
	sendDocument: `${CHAT} document thumbnail ${CAPTION} disable_content_type_detection ${REPLY}`,
	sendAudio: `${CHAT} audio ${CAPTION} duration performer title thumbnail ${REPLY}`,
	sendVoice: `${CHAT} voice ${CAPTION} duration ${REPLY}`,
	getFile: "file_id",
	answerCallbackQuery: "callback_query_id text show_alert url cache_time",
	setMyCommands: "commands scope language_code",
	deleteMyCommands: "scope language_code",
	getMe: "",
	getChat: "chat_id",
	setWebhook:
		"url certificate ip_address max_connections allowed_updates drop_pending_updates secret_token",
	deleteWebhook: "drop_pending_updates",
	getWebhookInfo: "",
	getUpdates: "offset limit timeout allowed_updates",
};

/** The parameters of a call, as JSON has them; a file that was sent along is a `File`. */
// biome-ignore lint/suspicious/noExplicitAny: whatever came over the wire
export type Parameters = Record<string, any>;

/** How Telegram says no. */
export class Refused extends Error {
	readonly status: number;
	readonly parameters: object | undefined;

	constructor(status: number, description: string, parameters?: object) {
		super(description);
		this.status = status;
		this.parameters = parameters;
	}
}

/** A refusal with status 400. */
export function badRequest(why: string): Refused {
	return new Refused(400, `Bad Request: ${why}`);
}

/** The method as Telegram spells it, however it was written. Throws where there is none. */
export function methodNamed(name: string): string {
	const method = Object.keys(METHODS).find(
		(known) => known.toLowerCase() === name.toLowerCase(),
	);
	if (!method) throw new Refused(404, "Not Found: method not found");
	return method;
}

/** The parameters that the method does not have. */
export function unknownParameters(
	method: string,
	parameters: Parameters,
): string[] {
	const known = (METHODS[method] ?? "").split(" ");
	return Object.keys(parameters).filter((name) => !known.includes(name));
}

/** What is wrong with the characters of a text, beside its length. */
export function badCharacters(text: string): string | undefined {
	if (!text.isWellFormed()) return "a lone surrogate";
	return text.includes("\ufffd") ? "U+FFFD" : undefined;
}

/** The parameters of a request, of whatever form. Throws where they cannot be read. */
export async function readParameters(
	query: string,
	contentType: string,
	body: Buffer,
): Promise<Parameters> {
	const parameters: Parameters = Object.fromEntries(new URLSearchParams(query));
	if (body.length === 0) return parameters;
	if (contentType.includes("json"))
		return { ...parameters, ...JSON.parse(body.toString()) };
	const form = await new Response(body, {
		headers: { "content-type": contentType },
	}).formData();
	const fields = [...form.entries()];
	for (const [name, value] of fields)
		parameters[name] = typeof value === "string" ? readField(value) : value;
	for (const [name, value] of Object.entries(parameters)) {
		const [, attached] = /^attach:\/\/(.+)$/.exec(String(value)) ?? [];
		if (attached === undefined) continue;
		parameters[name] = parameters[attached];
		if (attached !== name) delete parameters[attached];
	}
	return parameters;
}

/** A field of a form: an object or array as JSON, anything else as it is. */
function readField(value: string): unknown {
	if (!/^[[{]/.test(value)) return value;
	try {
		return JSON.parse(value);
	} catch {
		return value;
	}
}
