import * as z from "zod/mini";
import { orAborted } from "../core/abort.ts";
import { defineTool, failure } from "./tool.ts";

/** Takes back what memory_save has remembered of the user. */
export const memory_forget = defineTool({
	name: "memory_forget",
	description: "Forget a remembered fact for good.",
	parameters: z.strictObject({ id: z.number() }),

	async execute({ id }, { memory, signal }) {
		signal.throwIfAborted();
		if (await orAborted(memory.forget(id), signal))
			return { success: true, output: "Forgotten." };
		return failure(
			`Nothing is remembered as ${id}: look for the right id with memory_search.`,
		);
	},
});
