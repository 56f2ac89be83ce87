// What Aeon remembers, as aeon.json has it: facts, summaries of long conversations, backups.

import * as z from "zod/mini";
import { filePath } from "../core/config.ts";
import { secret } from "../core/secret.ts";

const ADDRESS = /^[^:\s]+:.+$/s;

/** The section `memory`. */
export const memorySchema = z.strictObject({
	database: filePath("The database that facts are kept in"),
	recall: z._default(
		z
			.boolean()
			.check(
				z.describe(
					"Show the model what matches a message, without being asked",
				),
			),
		true,
	),
	users: z._default(
		z
			.record(
				z.string().check(
					z.refine((name) => /^[\p{L}\p{N}_-]{1,64}$/u.test(name), {
						error: "is no name: write letters, digits, - and _",
					}),
				),
				z.array(
					z.string().check(
						z.refine((address) => ADDRESS.test(address), {
							error:
								'is no user of a dialog: write the end of a session key, such as "telegram:777"',
						}),
					),
				),
			)
			.check(
				z.describe(
					'Who is one person in several dialogs: { "anna": ["telegram:777", "cli:local"] }',
				),
			),
		{},
	),
	embeddings: z.optional(
		z.strictObject({
			base_url: z
				.url({ protocol: /^https?$/ })
				.check(
					z.describe(
						"Where an OpenAI-compatible API is, up to and with `/v1`: facts go to its /embeddings",
					),
				),
			api_key: z.optional(
				secret("The endpoint's key; local servers need none."),
			),
			model: z
				.string()
				.check(
					z.minLength(1),
					z.describe("The model's id, such as text-embedding-3-small"),
				),
			dimensions: z.optional(
				z
					.int()
					.check(
						z.minimum(1),
						z.maximum(8192),
						z.describe(
							"How long its vectors are; as long as they come where left out",
						),
					),
			),
			send_dimensions: z._default(
				z
					.boolean()
					.check(
						z.describe(
							"Ask the endpoint for that many, which not every model takes",
						),
					),
				false,
			),
		}),
	),
});

/** The section `compaction`. */
export const compactionSchema = z.strictObject({
	at: z._default(
		z
			.number()
			.check(
				z.minimum(0),
				z.maximum(0.95),
				z.describe(
					"The share of the room for messages at which older turns are summed up; 0 for never",
				),
			),
		0.7,
	),
	agent: z.optional(
		z
			.string()
			.check(
				z.describe(
					"Whose model writes the summaries; the agent's own where left out",
				),
			),
	),
});

/** The section `backups`. */
export const backupsSchema = z.strictObject({
	directory: filePath("The folder that a backup is put into once a day"),
	keep: z._default(
		z
			.int()
			.check(
				z.minimum(0),
				z.maximum(366),
				z.describe("How many of them are kept; 0 for none at all"),
			),
		7,
	),
});
