import * as z from "zod/mini";
import { orAborted } from "../core/abort.ts";
import { dayOf, listed } from "./listing.ts";
import { defineTool } from "./tool.ts";

const MAX_FACTS = 10;

/** Looks up what memory_save has remembered of the user. */
export const memory_search = defineTool({
	name: "memory_search",
	description: "Search the facts that are remembered about the user.",
	parameters: z.strictObject({ query: z.string() }),

	async execute({ query }, { memory, signal }) {
		signal.throwIfAborted();
		const found = memory.search(query, MAX_FACTS, signal);
		const facts = await orAborted(found, signal);
		const lines = facts.map(({ id, text, savedAt }) => ({
			text,
			before: `${id}: `,
			after: ` (${dayOf(savedAt)})`,
		}));
		const output = listed(lines) || "Nothing is remembered about that.";
		return { success: true, output };
	},
});
