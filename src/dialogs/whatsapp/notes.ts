// What a message has beside words and files, as a short line for the model.

import { asList, asRecord, asText } from "../../core/json.ts";
import { cleanName, listed, oneLine } from "../one_line.ts";
import type { MessageBody } from "./payload.ts";

const MAX_NOTE_LENGTH = 500;

type Fields = Record<string, unknown>;

/** A line in brackets for everything that a message has beside words and files. */
export function readNotes({
	type,
	content,
	contacts,
	referral,
}: MessageBody): string[] {
	const notes = [
		...(referral ? [describeReferral(referral)] : []),
		...(type === "sticker" ? [describeSticker(content)] : []),
		...(type === "location" ? [describeLocation(content)] : []),
		...(type === "contacts" ? contacts.map(describeContact) : []),
		...(type === "order" ? [describeOrder(content)] : []),
		...(type === "interactive" ? describeInteractive(content) : []),
	];
	return notes.map((note) => bracketed(note));
}

/** A note of one line, in brackets. Whatever it is made of has none, so that nothing within it looks like another note. */
export function bracketed(note: string): string {
	const line = oneLine(note, MAX_NOTE_LENGTH);
	return `[${line.replaceAll("[", "(").replaceAll("]", ")")}]`;
}

function describeSticker({ animated }: Fields): string {
	return animated === true
		? "animated sticker, which Aeon cannot look at"
		: "sticker";
}

function describeLocation(location: Fields): string {
	const { name, address, latitude, longitude } = location;
	const place = [name, address, coordinates(latitude, longitude)]
		.map(asText)
		.filter(Boolean);
	return place.length > 0 ? `location: ${place.join(", ")}` : "location";
}

function coordinates(latitude: unknown, longitude: unknown): string {
	return typeof latitude === "number" && typeof longitude === "number"
		? `${latitude.toFixed(4)}, ${longitude.toFixed(4)}`
		: "";
}

function describeContact(contact: unknown): string {
	const { name, phones, emails } = asRecord(contact) ?? {};
	const { formatted_name, first_name, last_name } = asRecord(name) ?? {};
	const parts = [first_name, last_name].map(asText).filter(Boolean);
	const numbers = asList(phones).map((one) => asText(asRecord(one)?.phone));
	const addresses = asList(emails).map((one) => asText(asRecord(one)?.email));
	const reached = [...numbers, ...addresses].filter(Boolean);
	const who = cleanName(asText(formatted_name) || parts.join(" "));
	return `contact: ${[who, ...reached].join(", ")}`;
}

function describeOrder({ text, product_items }: Fields): string {
	const items = asList(product_items).map((item) => {
		const { product_retailer_id, quantity, item_price, currency } =
			asRecord(item) ?? {};
		const price = [item_price, currency].map(scalar).filter(Boolean).join(" ");
		const what = `${scalar(quantity) || "?"} × ${scalar(product_retailer_id) || "?"}`;
		return price === "" ? what : `${what} at ${price}`;
	});
	const words = asText(text);
	return `order: ${listed(items)}${words && `: "${words}"`}`;
}

function describeInteractive(content: Fields): string[] {
	const form = asRecord(content.nfm_reply);
	if (form) {
		const { name, response_json } = form;
		return [
			`form${asText(name) && ` "${asText(name)}"`} filled in: ${asText(response_json)}`,
		];
	}
	const permission = asRecord(content.call_permission_reply);
	if (!permission) return [];
	const answer = asText(permission.response) || "answered";
	return [`the request for permission to call: ${answer}`];
}

function describeReferral({ headline, source_url }: Fields): string {
	const what = [headline, source_url].map(asText).filter(Boolean).join(", ");
	return `the conversation was begun from an advertisement: ${what || "unknown"}`;
}

function scalar(value: unknown): string {
	return typeof value === "number" ? String(value) : asText(value);
}
