import { defineCommand } from "citty";
import { AeonError } from "../core/errors.ts";
import { print, printError } from "../core/terminal.ts";
import type { RemoteStore } from "../remote/store.ts";
import { encodeMessage } from "../storage/record.ts";
import { chooseFormat, formatFlag } from "./export.ts";
import { configFlag } from "./options.ts";
import { keyArgument, withSession, withStore } from "./session_access.ts";
import { sessionMarkdown } from "./session_markdown.ts";

/** `aeon sessions export`: what was said, for programs or as a document. */
export const exportSessions = defineCommand({
	meta: {
		name: "export",
		description: "Print a session, or all of them, archives too",
	},
	args: {
		session: { ...keyArgument.session, required: false },
		all: { type: "boolean", description: "Every session that there is" },
		...formatFlag,
		...configFlag,
	},
	async run({ args: { session, all, format, config } }) {
		const isMarkdown = chooseFormat(format) === "markdown";
		if (session !== undefined && all)
			throw new AeonError("usage", "SESSION and --all do not go together");
		if (session !== undefined)
			return withSession(config, session, (store, key) =>
				isMarkdown ? printDocument(store, key, 1) : printLines(store, key),
			);
		if (!all)
			throw new AeonError(
				"usage",
				"name the session to export, or write --all for every one",
				{ hint: "aeon sessions list shows those that there are." },
			);
		return withStore(config, async (store) => {
			const sessions = await store.listSessions();
			if (sessions.length === 0) printError("No sessions yet.\n");
			else if (isMarkdown) print("# Sessions\n");
			for (const { sessionKey } of sessions)
				if (isMarkdown) {
					print("\n");
					await printDocument(store, sessionKey, 2);
				} else await printLines(store, sessionKey, { session_key: sessionKey });
		});
	},
});

/** Prints a session as JSON, a message a line as it lies in the store, behind these fields. */
async function printLines(
	store: RemoteStore,
	key: string,
	fields: object = {},
): Promise<void> {
	for await (const message of store.exportSession(key)) {
		const { id, timestamp } = message;
		const line = { ...fields, id, timestamp, ...encodeMessage(message) };
		print(`${JSON.stringify(line)}\n`);
	}
}

async function printDocument(
	store: RemoteStore,
	key: string,
	level: number,
): Promise<void> {
	const messages = store.exportSession(key);
	for await (const piece of sessionMarkdown(key, messages, level)) print(piece);
}
