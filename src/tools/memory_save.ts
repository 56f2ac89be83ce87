import * as z from "zod/mini";
import { orAborted } from "../core/abort.ts";
import { hasCode } from "../core/errors.ts";
import { defineTool, failure } from "./tool.ts";

/** Remembers something of the user, in this conversation and all others. */
export const memory_save = defineTool({
	name: "memory_save",
	description:
		"Remember a lasting fact about the user or a wish of theirs, when asked to or when clearly useful later.",
	parameters: z.strictObject({
		text: z.string().check(z.describe("One short sentence")),
	}),

	async execute({ text }, { memory, signal }) {
		signal.throwIfAborted();
		try {
			const { fact, isNew } = await orAborted(memory.save(text), signal);
			const output = `${isNew ? "Remembered" : "Already remembered"} as ${fact.id}.`;
			return { success: true, output };
		} catch (error) {
			if (!hasCode(error, "too_large", "usage")) throw error;
			return failure(`${error.message}. Write one short sentence.`);
		}
	},
});
