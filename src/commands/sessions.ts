import { defineCommand } from "citty";
import { AeonError } from "../core/errors.ts";
import { completeSessionKey, formatSessionKey } from "../core/session.ts";
import {
	paint,
	print,
	printable,
	terminalStyle,
	visible,
} from "../core/terminal.ts";
import type { RemoteStore } from "../remote/store.ts";
import { encodeMessage } from "../storage/record.ts";
import type { StoredMessage } from "../storage/store.ts";
import { configFlag, surroundings } from "./options.ts";
import { reachServer } from "./reach.ts";

const keyArgument = {
	session: {
		type: "positional",
		description:
			"The session: a whole key, or the name given to chat --session",
		required: true,
	},
	...configFlag,
} as const;

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
					`${visible(session.sessionKey).replaceAll("\n", "\\n")}  ${paint("dim", `${formatTime(session.updatedAt)}, ${count}`, hasColour)}\n  ${last}\n`,
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

const exportSession = defineCommand({
	meta: {
		name: "export",
		description: "Print a session as JSON, a message a line",
	},
	args: keyArgument,
	run: ({ args }) =>
		withSession(args.config, args.session, async (store, key) => {
			for await (const message of store.exportSession(key))
				print(`${JSON.stringify(exportMessage(message))}\n`);
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
	subCommands: { list, show, export: exportSession, delete: remove },
});

/** Works on the sessions, through the server where one runs. */
async function withStore(
	config: string | undefined,
	work: (store: RemoteStore, agent: string) => Promise<void>,
): Promise<void> {
	const { store, agent } = await openSessions(config);
	try {
		await work(store, agent);
	} finally {
		await store.close();
	}
}

/** The sessions of the server or of the store, and the agent that answers where nobody names one. */
async function openSessions(
	config: string | undefined,
): Promise<{ store: RemoteStore; agent: string }> {
	const server = await reachServer({ config, shares: "storage" });
	if (server) {
		const { remoteStore } = await import("../remote/store.ts");
		const agent = server.hello.defaultAgent;
		return { store: remoteStore(server.connection), agent };
	}
	const [{ openStore }, { defaultAgent, loadSettings }] = await Promise.all([
		import("../app.ts"),
		import("../settings/settings.ts"),
	]);
	const settings = await loadSettings({
		...surroundings(),
		configFlag: config,
		needs: "storage",
	});
	const agent = defaultAgent(settings.agents);
	return { store: await openStore(settings), agent };
}

/** Works on one session. Throws `not_found` where there is none of that name. */
function withSession(
	config: string | undefined,
	name: string,
	work: (store: RemoteStore, key: string) => Promise<void>,
): Promise<void> {
	return withStore(config, async (store, agentId) => {
		const like = formatSessionKey({ agentId, dialog: "cli", userId: "local" });
		const key = completeSessionKey(name, like);
		if (!(await store.getSession(key)))
			throw new AeonError("not_found", `there is no session ${key}`, {
				hint: "aeon sessions list shows those that there are.",
			});
		await work(store, key);
	});
}

/** A message as it lies in the store. */
function exportMessage(message: StoredMessage): object {
	const { id, timestamp } = message;
	return { id, timestamp, ...encodeMessage(message) };
}

function speaker(message: StoredMessage): string {
	if (message.role !== "tool") return message.role;
	return `tool ${message.toolName}${message.isError ? " (failed)" : ""}`;
}

function describe(message: StoredMessage): string {
	if (message.role !== "assistant") return message.content;
	const calls = (message.toolCalls ?? []).map(
		({ name, input }) => `· ${name} ${JSON.stringify(input)}`,
	);
	const notice = message.notice ? [`[${message.notice}]`] : [];
	return [message.content, ...calls, ...notice].filter(Boolean).join("\n");
}

function formatTime(timestamp: number): string {
	return new Date(timestamp).toISOString().slice(0, 16).replace("T", " ");
}
