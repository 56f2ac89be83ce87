// The transcriber of aeon.json: who makes words of what is spoken.

import * as z from "zod/mini";
import { secret } from "../core/secret.ts";

/** The section `transcription`. */
export const transcriptionSchema = z.strictObject({
	base_url: z
		.url({ protocol: /^https?$/ })
		.check(
			z.describe(
				"Where an OpenAI-compatible API is, up to and with `/v1`: voice messages go to its /audio/transcriptions",
			),
		),
	api_key: z.optional(
		secret("The transcriber's key; local servers need none."),
	),
	model: z
		.string()
		.check(z.minLength(1), z.describe("The model's id, such as whisper-1")),
	language: z.optional(
		z.string().check(
			z.refine((text) => /^[a-z]{2,3}$/.test(text), {
				error: 'is not a language such as "de" or "en" (ISO 639)',
			}),
			z.describe("What is spoken, such as de; guessed if left out"),
		),
	),
});
