// What a message has beside words and files, as a short line for the model.

import type { Checklist, Location, Message } from "grammy/types";
import { listed, oneLine } from "../one_line.ts";
import { chatName, personName } from "./access.ts";
import { richText } from "./rich.ts";

/** What a note is made of: one kind of content, and the message it is in. */
type Note<Kind extends keyof Message> = (
	content: NonNullable<Message[Kind]>,
	message: Message,
) => string;

const MAX_NOTE_LENGTH = 500;

const NOTES: { [Kind in keyof Message]?: Note<Kind> } = {
	sticker: ({ emoji }) => (emoji ? `sticker ${emoji}` : "sticker"),
	location: (location, { venue }) => (venue ? "" : describeLocation(location)),
	venue: ({ title, address, location }) =>
		`venue: ${title}, ${address}, ${coordinates(location)}`,
	contact: ({ first_name, last_name, phone_number }) =>
		`contact: ${personName({ first_name, last_name })}, ${phone_number}`,
	poll: ({ question, options }) =>
		`poll "${question}": ${listed(options.map(({ text }) => text))}`,
	dice: ({ emoji, value }) => `dice ${emoji}: ${value}`,
	story: ({ chat }) => `story of ${chatName(chat)}`,
	checklist: (checklist) => describeChecklist(checklist),
	game: ({ title, description }) => `game "${title}": ${description}`,
	invoice: ({ title, description }) => `invoice "${title}": ${description}`,
	paid_media: ({ paid_media: { length }, star_count: stars }) =>
		`paid media: ${length}, for ${stars} stars; Aeon cannot look at them`,
	live_photo: ({ duration }) => `live photo, ${duration} s`,
	animation: () => "animation",
	video_note: () => "round video message",
	giveaway: ({ winner_count, chats }) =>
		`giveaway for ${winner_count} winners, by ${listed(chats.map(chatName))}`,
	giveaway_winners: ({ winner_count, chat }) =>
		`winners of a giveaway of ${chatName(chat)}: ${winner_count}`,
	gift: ({ gift: { star_count }, text }) =>
		`gift worth ${star_count} stars${quoted(text)}`,
	unique_gift: ({ gift: { name }, text }) => `gift "${name}"${quoted(text)}`,
	users_shared: ({ users }) =>
		`users shared: ${listed(
			users.map(
				({ user_id, first_name, last_name }) =>
					`${personName({ first_name: first_name ?? "", last_name })} (id ${user_id})`,
			),
		)}`,
	chat_shared: ({ chat_id, title }) =>
		`chat shared: ${title ? `${title} ` : ""}(id ${chat_id})`,
	web_app_data: ({ button_text, data }) =>
		`from the web app "${button_text}": ${data}`,
	rich_message: () => "",
};

/** A line in brackets for everything that a message has beside words and files. */
export function readNotes(message: Message): string[] {
	return Object.entries(NOTES).flatMap(([kind, note]) => {
		const content = message[kind as keyof Message];
		if (content === undefined || content === null) return [];
		const text = attempt(
			() => (note as Note<keyof Message>)(content as never, message),
			kind.replaceAll("_", " "),
		);
		return text === "" ? [] : [`[${oneLine(text, MAX_NOTE_LENGTH)}]`];
	});
}

/** The words of a rich message. */
export function richWords({ rich_message }: Message): string {
	return rich_message ? richText(rich_message.blocks) : "";
}

/** What a kind's note says; its bare name where the content is not what the Bot API promises. */
function attempt(describe: () => string, name: string): string {
	try {
		return describe();
	} catch {
		return name;
	}
}

function describeLocation(location: Location): string {
	const kind = location.live_period ? "live location" : "location";
	return `${kind}: ${coordinates(location)}`;
}

function coordinates({ latitude, longitude }: Location): string {
	return `${latitude.toFixed(4)}, ${longitude.toFixed(4)}`;
}

function describeChecklist({ title, tasks }: Checklist): string {
	const lines = tasks.map(({ text, completion_date }) =>
		completion_date ? `${text} (done)` : text,
	);
	return `checklist "${title}": ${listed(lines)}`;
}

function quoted(text: string | undefined): string {
	return text ? `: "${text}"` : "";
}
