import { defineCommand } from "citty";
import { paint, print, printable, terminalStyle } from "../core/terminal.ts";
import type { StoredMessage } from "../storage/store.ts";
import { formatTime, oneLine } from "./export.ts";
import { configFlag } from "./options.ts";
import { keyArgument, withSession, withStore } from "./session_access.ts";
import { exportSessions } from "./session_export.ts";
import { speaker } from "./session_markdown.ts";

const list = defineCommand({
	meta: { name: "list", description: "List the sessions, the last used first" },
	args: {
		json: { type: "boolean", description: "Print a JSON object a line" },
		...configFlag,
	},
	run: ({ args }) =>
		withStore(args.config, async (store) => {
			const sessions = await store.listSessions();
			if (args.json) {
				for (const session of sessions)
					print(
						`${JSON.stringify({
							session_key: session.sessionKey,
							agent_id: session.agentId,
							created_at: session.createdAt,
							updated_at: session.updatedAt,
							message_count: session.messageCount,
							last_text: session.lastText,
						})}\n`,
					);
				return;
			}
			if (sessions.length === 0) print("No sessions yet.\n");
			const { hasColour } = terminalStyle(process.env);
			for (const session of sessions) {
				const count = `${session.messageCount} message${session.messageCount === 1 ? "" : "s"}`;
				const last = printable(session.lastText).replaceAll(/\s+/g, " ");
				print(
					`${oneLine(session.sessionKey)}  ${paint("dim", `${formatTime(session.updatedAt)}, ${count}`, hasColour)}\n  ${last}\n`,
				);
			}
		}),
});

const show = defineCommand({
	meta: { name: "show", description: "Show what was said in a session" },
	args: keyArgument,
	run: ({ args }) =>
		withSession(args.config, args.session, async (store, key) => {
			const { hasColour } = terminalStyle(process.env);
			for await (const message of store.exportSession(key)) {
				const head = `${formatTime(message.timestamp)} ${speaker(message)}`;
				print(
					`${paint("dim", head, hasColour)}\n${printable(describe(message))}\n\n`,
				);
			}
		}),
});

const remove = defineCommand({
	meta: {
		name: "delete",
		description: "Delete a session and all that was said in it",
	},
	args: keyArgument,
	run: ({ args }) =>
		withSession(args.config, args.session, async (store, key) => {
			await store.deleteSession(key);
			print(`Deleted ${printable(key)}.\n`);
		}),
});

/** `aeon sessions`: the conversations that are kept. */
export const sessions = defineCommand({
	meta: {
		name: "sessions",
		description: "List, show, export and delete conversations",
	},
	subCommands: { list, show, export: exportSessions, delete: remove },
});

function describe(message: StoredMessage): string {
	if (message.role !== "assistant") return message.content;
	const calls = (message.toolCalls ?? []).map(
		({ name, input }) => `· ${name} ${JSON.stringify(input)}`,
	);
	const notice = message.notice ? [`[${message.notice}]`] : [];
	return [message.content, ...calls, ...notice].filter(Boolean).join("\n");
}
