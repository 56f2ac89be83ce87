// What was said in the last hours, so that a reply or a reaction to it can be told in words.

import { putLast } from "../memory.ts";
import type { DialogHost } from "../provider.ts";

/** A message that a person sent. */
export interface Spoken {
	/** Its beginning. */
	words: string;
	/** What the model was told before it. */
	notes: string[];
}

/** The last messages, for as long as the process lives. */
export interface SpokenWords {
	remember(from: string, messageId: string, spoken: Spoken): void;
	find(from: string, messageId: string): Spoken | undefined;
	/** They have deleted it. */
	forget(from: string, messageId: string): void;
	/** The words of a message of this person's chat, Aeon's or their own; undefined where they are not known any more. */
	wordsOf(from: string, messageId: string): Promise<string | undefined>;
}

/** Of all chats together. */
const MAX_SPOKEN = 500;

/** What was said; Aeon's own words are the host's to know. */
export function createSpokenWords(host: Pick<DialogHost, "said">): SpokenWords {
	const spoken = new Map<string, Spoken>();
	const find = (from: string, messageId: string) =>
		spoken.get(`${from} ${messageId}`);
	return {
		remember: (from, messageId, one) =>
			putLast(spoken, `${from} ${messageId}`, one, MAX_SPOKEN),
		find,
		forget: (from, messageId) => void spoken.delete(`${from} ${messageId}`),
		wordsOf: async (from, messageId) =>
			find(from, messageId)?.words ?? (await host.said(from, messageId)),
	};
}
