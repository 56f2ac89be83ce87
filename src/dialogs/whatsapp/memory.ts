// What this dialog remembers through restarts, in one small file of the state directory.

import * as z from "zod/mini";
import {
	type DialogMemory,
	type MemoryParts,
	modelsSchema,
	openMemoryFile,
	putLast,
	rememberPeople,
	strangersSchema,
} from "../memory.ts";

/** What is remembered. */
export interface Memory extends DialogMemory<string> {
	/** Keeps what somebody thinks of a message for the session's next turn; undefined where they have taken it back. */
	noteReaction(
		sessionKey: string,
		messageId: string,
		note: string | undefined,
	): Promise<void>;
	/** What was noted since the last turn. */
	reactionsOf(sessionKey: string): Reaction[];
	/** Forgets these, and nothing that was noted since. */
	forgetReactions(sessionKey: string, reactions: Reaction[]): Promise<void>;
}

/** A message, and the note of what somebody thinks of it. */
export type Reaction = [messageId: string, note: string];

/** The last ones of a session, and of the sessions that were reacted in last. */
const MAX_REACTIONS = 20;
const MAX_SESSIONS = 200;

const fileSchema = z.object({
	strangers: strangersSchema(z.string()),
	models: modelsSchema,
	/** Session keys, and what was noted in them. */
	reactions: z._default(
		z.array(z.tuple([z.string(), z.array(z.tuple([z.string(), z.string()]))])),
		[],
	),
});

/** The memory in `whatsapp.json` of the state directory. A broken file counts as empty. */
export function openMemory(parts: MemoryParts): Memory {
	const file = openMemoryFile("whatsapp", fileSchema, parts);
	const strangers = new Map(file.kept.strangers);
	const models = new Map(file.kept.models);
	const reactions = new Map(file.kept.reactions);
	const save = () =>
		file.save(() => ({
			strangers: [...strangers],
			models: [...models],
			reactions: [...reactions],
		}));

	const reactionsOf = (sessionKey: string) => reactions.get(sessionKey) ?? [];

	const put = async (sessionKey: string, left: Reaction[]) => {
		if (left.length === 0) reactions.delete(sessionKey);
		else putLast(reactions, sessionKey, left, MAX_SESSIONS);
		await save();
	};

	return {
		...rememberPeople(strangers, models, parts.now, save),
		async noteReaction(sessionKey, messageId, note) {
			const before = reactionsOf(sessionKey);
			const others = before.filter(([one]) => one !== messageId);
			if (note === undefined && others.length === before.length) return;
			const now: Reaction[] =
				note === undefined ? others : [...others, [messageId, note]];
			await put(sessionKey, now.slice(-MAX_REACTIONS));
		},
		reactionsOf,
		async forgetReactions(sessionKey, told) {
			if (told.length === 0) return;
			const left = reactionsOf(sessionKey).filter((one) => !told.includes(one));
			await put(sessionKey, left);
		},
	};
}
