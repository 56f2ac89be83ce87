// The methods of the client protocol about what is remembered. Whoever has the token sees everybody's facts.

import * as z from "zod/mini";
import { count, fact, flag, limit, ok, text } from "./vocabulary.ts";

const owner = {
	agent: z.optional(text("Only what this agent remembers")),
	user: z.optional(text("Only what is remembered of this user")),
};

/** Part of METHODS. */
export const MEMORY_METHODS = {
	"memory.list": {
		about: "What is remembered, of everybody, the newest first.",
		params: z.strictObject({
			...owner,
			limit,
			before: z.optional(
				z.int().check(z.describe("The `cursor` of the page before")),
			),
		}),
		payload: z.object({
			ok,
			facts: z.array(fact),
			cursor: z.nullable(count("For `before` of the next page")),
		}),
	},
	"memory.search": {
		about: "The facts that match a text, the best first.",
		params: z.strictObject({
			query: z
				.string()
				.check(
					z.minLength(1),
					z.describe("In a person's own words; the first 2000 characters"),
				),
			...owner,
			limit,
		}),
		payload: z.object({ ok, facts: z.array(fact) }),
	},
	"memory.forget": {
		about: "Forgets a fact.",
		params: z.strictObject({
			id: z.int().check(z.describe("The fact's")),
		}),
		payload: z.object({ ok, forgotten: flag("False where there was none") }),
	},
} as const;
