import * as z from "zod/mini";
import { quote } from "./path.ts";
import { refusable } from "./refusal.ts";
import { defineTool } from "./tool.ts";

/** Writes a text for good: a file is whole before and after, and on the disk when the model reads the result. */
export const file_write = defineTool({
	name: "file_write",
	description:
		"Write a text file in the workspace, making its directories. Write a long text in parts: the first with write, the others with append.",
	parameters: z.strictObject({
		path: z.string().check(z.describe("A path relative to the workspace")),
		content: z.string(),
		mode: z._default(z.enum(["write", "append"]), "write"),
	}),

	execute: ({ path, content, mode }, { workspace, signal }) =>
		refusable(async () => {
			signal.throwIfAborted();
			const size = await workspace.write(path, content, mode);
			const written = Buffer.byteLength(content);
			const output =
				mode === "append"
					? `Added ${written} bytes to ${quote(path)}, which now has ${size}.`
					: `Wrote ${written} bytes to ${quote(path)}.`;
			return { success: true, output };
		}),
});
