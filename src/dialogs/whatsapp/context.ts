// What the model has to know beside a message: when it was sent, whose words it has, what it answers.

import { oneLine } from "../one_line.ts";
import { type Content, isForwarded } from "./message.ts";
import { bracketed } from "./notes.ts";
import { type MessageBody, readId } from "./payload.ts";

/** Tells that what follows are the words of somebody else. */
export const FORWARDED = bracketed("forwarded");

/** What arrives later may have been overtaken by what happened meanwhile. */
const LATE_MS = 5 * 60_000;

const MAX_QUOTE_LENGTH = 200;
const MAX_EMOJI_LENGTH = 16;

/** Tells of a message that was on its way for long. */
export function describeDelay(
	sentAt: number | undefined,
	now: number,
): string[] {
	const lateMs = sentAt === undefined ? 0 : now - sentAt;
	if (lateMs <= LATE_MS) return [];
	const minutes = Math.floor(lateMs / 60_000);
	const hours = Math.floor(minutes / 60);
	const days = Math.floor(hours / 24);
	const ago =
		days >= 2 ? `${days} days` : hours >= 1 ? `${hours} h` : `${minutes} min`;
	return [
		bracketed(
			`sent ${ago} ago, it arrives only now: ask before doing anything that has an effect`,
		),
	];
}

/** Tells that somebody else said it, and what it answers. */
export async function describeContext(
	body: MessageBody,
	wordsOf: (id: string) => Promise<string | undefined>,
): Promise<string[]> {
	const answered = readId(body.context.id);
	return [
		...(isForwarded(body) ? [FORWARDED] : []),
		...(answered === ""
			? []
			: [bracketed(`in reply to ${quote(await wordsOf(answered))}`)]),
	];
}

/** A reaction as a note for the next turn; undefined where it was taken back. */
export function describeReaction(
	emoji: string,
	words: string | undefined,
): string | undefined {
	const shown = oneLine(emoji, MAX_EMOJI_LENGTH).replace(/[[\]"]/g, "");
	return shown === ""
		? undefined
		: bracketed(`reacted ${shown} to ${quote(words)}`);
}

/** A message in a few words, for when another one refers to it. */
export function shorten({ text, files = [] }: Content): string {
	const kinds = files.map(({ kind }) => kind);
	return oneLine([text, ...kinds].filter(Boolean).join(" "), MAX_QUOTE_LENGTH);
}

function quote(words = ""): string {
	const text = oneLine(words, MAX_QUOTE_LENGTH).replaceAll('"', "'");
	return text === "" ? "an earlier message" : `"${text}"`;
}
