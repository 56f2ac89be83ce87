// What people do to messages that are there already: react to them, edit them, delete them. None of it begins a turn.

import { asRecord, asText } from "../../core/json.ts";
import type { DialogHost } from "../provider.ts";
import { describeReaction, FORWARDED, shorten } from "./context.ts";
import type { Memory } from "./memory.ts";
import { isForwarded, readContent } from "./message.ts";
import { bracketed } from "./notes.ts";
import { type ReceivedMessage, readBody, readId } from "./payload.ts";
import type { SpokenWords } from "./spoken.ts";

/** What they are dealt with by. */
export interface AfterthoughtParts {
	host: Pick<DialogHost, "amend" | "say">;
	memory: Pick<Memory, "noteReaction">;
	spoken: SpokenWords;
}

/** A message that is about an earlier one, and where. */
export interface Afterthought extends Pick<ReceivedMessage, "content"> {
	from: string;
	sessionKey: string;
}

const DELETED = bracketed("the person has deleted this message");
const TOO_LATE =
	"I had begun with that message already: send it again as a new one if you want another answer.";

/** What is done about each kind of them. */
const KINDS = { reaction: noteReaction, edit: amend, revoke: withdraw };

/** What is to be done about a type of message; undefined where it is one that says something itself. */
export function afterthoughtOf(
	type: string,
):
	| ((afterthought: Afterthought, parts: AfterthoughtParts) => Promise<void>)
	| undefined {
	return Object.hasOwn(KINDS, type)
		? KINDS[type as keyof typeof KINDS]
		: undefined;
}

async function noteReaction(
	{ content, from, sessionKey }: Afterthought,
	{ memory, spoken }: AfterthoughtParts,
): Promise<void> {
	const id = readId(content.message_id);
	if (id === "") return;
	const words = await spoken.wordsOf(from, id);
	const note = describeReaction(asText(content.emoji), words);
	await memory.noteReaction(sessionKey, id, note);
}

async function amend(
	{ content, from, sessionKey }: Afterthought,
	{ host, spoken }: AfterthoughtParts,
): Promise<void> {
	const id = readId(content.original_message_id);
	const body = readBody(asRecord(content.message) ?? {});
	const changed = readContent(body);
	if (id === "" || !changed) return;
	const notes =
		spoken.find(from, id)?.notes ?? (isForwarded(body) ? [FORWARDED] : []);
	const text = [...notes, changed.text].filter(Boolean).join("\n");
	if (await host.amend(sessionKey, id, { ...changed, text }))
		spoken.remember(from, id, { words: shorten(changed), notes });
	else await host.say(from, { text: TOO_LATE, deliveryId: `edit-${id}` });
}

async function withdraw(
	{ content, from, sessionKey }: Afterthought,
	{ host, spoken }: AfterthoughtParts,
): Promise<void> {
	const id = readId(content.original_message_id);
	if (id === "") return;
	spoken.forget(from, id);
	await host.amend(sessionKey, id, { text: DELETED });
}
