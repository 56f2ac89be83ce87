import * as z from "zod/mini";
import { orAborted } from "../core/abort.ts";
import { liveKey, parseSessionKey } from "../core/session.ts";
import { dayOf, listed } from "./listing.ts";
import { defineTool } from "./tool.ts";

const MAX_PASSAGES = 10;

/** Looks up what was said in the user's conversations, this one and the earlier ones, also before what is still seen. */
export const session_search = defineTool({
	name: "session_search",
	description: "Search what was said in this and earlier conversations.",
	parameters: z.strictObject({ query: z.string() }),

	async execute({ query }, { memory, sessionKey, signal }) {
		signal.throwIfAborted();
		const found = memory.searchSessions(query, MAX_PASSAGES);
		const passages = await orAborted(found, signal);
		const lines = passages.map((passage) => {
			const who = passage.role === "user" ? "the user" : "you";
			const where = whereOf(passage.sessionKey, sessionKey);
			const before = `${dayOf(passage.timestamp)}, ${who}, ${where}: `;
			return { text: passage.text, before, after: "" };
		});
		const output = listed(lines) || "Nothing was said about that.";
		return { success: true, output };
	},
});

/** In which conversation something was said, seen from another one. */
function whereOf(key: string, here: string): string {
	if (key === here) return "this conversation";
	const { dialog } = parseSessionKey(liveKey(key));
	return dialog === parseSessionKey(liveKey(here)).dialog
		? "an earlier conversation"
		: `an earlier conversation in ${dialog}`;
}
