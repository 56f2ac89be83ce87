import * as z from "zod/mini";
import { orAborted } from "../core/abort.ts";
import { describeError } from "../core/errors.ts";
import { FILE_HEAD_BYTES, fileType } from "../core/file_type.ts";
import type { Attachment } from "../core/message.ts";
import { quote } from "./path.ts";
import { Refusal, refusable } from "./refusal.ts";
import { defineTool, failure } from "./tool.ts";
import type { Workspace } from "./workspace.ts";

const MAX_ATTACHMENTS = 10;

/** What Telegram takes of a bot; others take more. */
const MAX_FILE_BYTES = 50_000_000;

/** Says something in a chat other than by answering in it. Where it may go, the context decides. */
export const message_send = defineTool({
	name: "message_send",
	description:
		"Send a message or files now, to this chat or an allowed other one. A text answer needs no tool.",
	parameters: z.strictObject({
		text: z
			.string()
			.check(z.describe('The message; "" where files say it all')),
		attachments: z.optional(
			z
				.array(z.string())
				.check(
					z.maxLength(MAX_ATTACHMENTS),
					z.describe("Paths of workspace files to send"),
				),
		),
		dialog: z.optional(
			z.string().check(z.describe("Such as telegram; this chat's if left out")),
		),
		to: z.optional(
			z.string().check(z.describe("Chat id; this chat if left out")),
		),
	}),

	execute: (
		{ attachments: paths = [], ...message },
		{ send, signal, workspace },
	) =>
		refusable(async () => {
			signal.throwIfAborted();
			if (message.text.trim() === "" && paths.length === 0)
				throw new Refusal("There is nothing to send: give a text, or files.");
			const attachments: Attachment[] = [];
			for (const path of paths) attachments.push(await attach(workspace, path));
			try {
				const sent = send({
					...message,
					...(attachments.length > 0 && { attachments }),
				});
				const target = await orAborted(sent, signal);
				return { success: true, output: `Sent to ${target}.` };
			} catch (error) {
				signal.throwIfAborted();
				return failure(`The message was not sent: ${describeError(error)}`);
			}
		}),
});

/** A file as a message carries it, of the type that its bytes say. Throws a Refusal where it cannot be sent. */
async function attach(workspace: Workspace, path: string): Promise<Attachment> {
	await using file = await workspace.open(path);
	if (file.kind === "directory")
		throw new Refusal(`${quote(path)} is a directory: name a file in it.`);
	if (file.size === 0)
		throw new Refusal(`${quote(path)} is empty: there is nothing to send.`);
	if (file.size > MAX_FILE_BYTES)
		throw new Refusal(
			`${quote(path)} has ${file.size} bytes; at most ${MAX_FILE_BYTES} can be sent.`,
		);
	const head = new Uint8Array(FILE_HEAD_BYTES);
	const type = fileType(head.subarray(0, await file.read(head, 0)));
	return {
		path: file.path,
		mimeType: type?.mimeType ?? "application/octet-stream",
	};
}
