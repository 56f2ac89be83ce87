import * as z from "zod/mini";
import { orAborted } from "../core/abort.ts";
import { describeError } from "../core/errors.ts";
import { defineTool, failure } from "./tool.ts";

/** Says something in a chat other than by answering in it. Where it may go, the context decides. */
export const message_send = defineTool({
	name: "message_send",
	description:
		"Send a message now, to this chat or an allowed other one. An answer needs no tool.",
	parameters: z.strictObject({
		text: z.string().check(z.minLength(1)),
		dialog: z.optional(
			z.string().check(z.describe("Such as telegram; this chat's if left out")),
		),
		to: z.optional(
			z.string().check(z.describe("Chat id; this chat if left out")),
		),
	}),

	async execute(message, { send, signal }) {
		signal.throwIfAborted();
		try {
			const target = await orAborted(send(message), signal);
			return { success: true, output: `Sent to ${target}.` };
		} catch (error) {
			signal.throwIfAborted();
			return failure(`The message was not sent: ${describeError(error)}`);
		}
	},
});
