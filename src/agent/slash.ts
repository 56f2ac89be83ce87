// What a person can type in any dialog instead of a message: /new, /stop and the like. Served at once, beside the lanes.

import type { CommandContext, CommandReply } from "../core/command.ts";
import { AeonError } from "../core/errors.ts";
import { addUsage, NO_USAGE } from "../core/message.ts";
import { parseSessionKey } from "../core/session.ts";
import { VERSION } from "../core/version.ts";
import type { SessionStore } from "../storage/store.ts";
import type { Agent } from "./agent.ts";
import type { Runtime } from "./runtime.ts";

/** What the commands act on. */
export interface SlashParts {
	runtime: Runtime;
	store: SessionStore;
	agents: ReadonlyMap<string, Agent>;
}

interface SlashCommand {
	help: string;
	run(
		parts: SlashParts,
		context: CommandContext,
		argument: string,
	): Promise<CommandReply>;
}

/** So many messages are counted for a status. */
const STATUS_LIMIT = 1_000;

/** The commands by their words. */
const slashCommands: Record<string, SlashCommand> = {
	new: {
		help: "begin a new conversation; the old one is kept",
		async run({ runtime }, { sessionKey }) {
			await runtime.reset(sessionKey);
			return { text: "A new conversation begins." };
		},
	},
	stop: {
		help: "stop what is running",
		async run({ runtime }, { sessionKey }) {
			const wasRunning = runtime.cancel(sessionKey);
			return { text: wasRunning ? "Stopping." : "Nothing is running." };
		},
	},
	status: {
		help: "show who answers here and what is running",
		async run({ runtime, store, agents }, { sessionKey, model }) {
			const { agentId } = parseSessionKey(sessionKey);
			const label = agents.get(model ?? agentId)?.llm.label ?? model;
			const { running, waiting } = runtime.count();
			const messages = await store.getHistory(sessionKey, STATUS_LIMIT);
			const count =
				messages.length === STATUS_LIMIT
					? `${STATUS_LIMIT} messages or more`
					: `${messages.length} messages`;
			return {
				text: [
					`Aeon ${VERSION}, agent ${agentId}, ${label ?? "no model"}`,
					`This conversation: ${count}${runtime.isBusy(sessionKey) ? ", an answer is being made" : ""}`,
					`All conversations: ${running} running, ${waiting} waiting`,
				].join("\n"),
			};
		},
	},
	model: {
		help: "show the models, or answer with another: /model NAME",
		async run({ agents }, { sessionKey, model }, argument) {
			const { agentId } = parseSessionKey(sessionKey);
			if (argument)
				return { text: `${argument} answers from now on.`, model: argument };
			const lines = [...agents.values()].map(
				({ id, llm }) =>
					`${id === (model ?? agentId) ? "*" : " "} ${id}: ${llm.label}`,
			);
			if (model && !agents.has(model)) lines.push(`* ${model}`);
			return { text: lines.join("\n") };
		},
	},
	usage: {
		help: "show the tokens this session has used",
		async run({ store }, { sessionKey }) {
			let usage = NO_USAGE;
			let answers = 0;
			for await (const message of store.exportSession(sessionKey)) {
				if (message.role !== "assistant" || !message.usage) continue;
				usage = addUsage(usage, message.usage);
				answers++;
			}
			return {
				text: `${answers} ${answers === 1 ? "answer" : "answers"}: ${usage.inputTokens} tokens in (${usage.cacheReadTokens} from the cache), ${usage.outputTokens} out.`,
			};
		},
	},
	help: {
		help: "show this list",
		async run() {
			const lines = Object.entries(slashCommands).map(
				([word, { help }]) => `/${word.padEnd(8)} ${help}`,
			);
			return { text: lines.join("\n") };
		},
	},
};

/** Runs a line such as `/new`; undefined where it is a message, such as `/etc/passwd is what?`. */
export async function runSlash(
	line: string,
	parts: SlashParts,
	context: CommandContext,
): Promise<CommandReply | undefined> {
	const [, word, argument = ""] =
		/^\/([a-z]+)(?:\s+(.*))?$/is.exec(line.trim()) ?? [];
	if (!word) return undefined;
	const name = word.toLowerCase();
	if (!Object.hasOwn(slashCommands, name))
		return { text: `There is no command /${word}. /help lists them.` };
	const command = slashCommands[name] as SlashCommand;
	try {
		return await command.run(parts, context, argument.trim());
	} catch (error) {
		if (!(error instanceof AeonError)) throw error;
		return { text: error.message };
	}
}
