// What a person can type in any dialog instead of a message: /new, /stop and the like. Served at once, beside the lanes.

import type { CommandContext, CommandReply } from "../core/command.ts";
import { AeonError } from "../core/errors.ts";
import { addUsage, NO_USAGE } from "../core/message.ts";
import { parseSessionKey } from "../core/session.ts";
import { VERSION } from "../core/version.ts";
import type { SessionStore } from "../storage/store.ts";
import type { Agent } from "./agent.ts";
import { isSpoken } from "./history.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Runtime } from "./runtime.ts";

/** What the commands act on. */
export interface SlashParts {
	runtime: Runtime;
	mailbox: Pick<Mailbox, "stop" | "arrived">;
	store: SessionStore;
	agents: ReadonlyMap<string, Agent>;
	/** How long a command may keep a dialog from its next message, in milliseconds. */
	patienceMs?: number;
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

const PATIENCE_MS = 5_000;

/** The commands by their words. */
const slashCommands: Record<string, SlashCommand> = {
	new: {
		help: "begin a new conversation; the old one is kept",
		async run({ runtime, mailbox }, { sessionKey }) {
			mailbox.stop(sessionKey);
			await mailbox.arrived(sessionKey);
			await runtime.reset(sessionKey);
			return { text: "A new conversation begins." };
		},
	},
	stop: {
		help: "stop what is running",
		async run({ mailbox }, { sessionKey }) {
			const wasRunning = mailbox.stop(sessionKey);
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
			const said =
				messages.length === STATUS_LIMIT
					? `${STATUS_LIMIT} messages or more`
					: `${messages.filter(isSpoken).length} messages`;
			return {
				text: [
					`Aeon ${VERSION}, agent ${agentId}, ${label ?? "no model"}`,
					`This conversation: ${said}${runtime.isBusy(sessionKey) ? ", an answer is being made" : ""}`,
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
	compact: {
		help: "sum up what was said before, so that there is room; it is kept",
		async run({ runtime, patienceMs = PATIENCE_MS }, { sessionKey }) {
			const compacting = runtime.compact(sessionKey).then(
				({ messages }) =>
					messages === 0
						? "There is nothing to sum up yet."
						: `Summed up ${count(messages, "message", "messages")}; they are kept, and found by session_search.`,
				(error) => `${asSentence(error)} Nothing has changed.`,
			);
			return { text: await inTime(compacting, patienceMs) };
		},
	},
	usage: {
		help: "show the tokens this session has used",
		async run({ store }, { sessionKey }) {
			let usage = NO_USAGE;
			let answers = 0;
			let summaries = 0;
			for await (const message of store.exportSession(sessionKey)) {
				if (!("usage" in message) || !message.usage) continue;
				usage = addUsage(usage, message.usage);
				if (message.role === "summary") summaries++;
				else answers++;
			}
			const counts = [count(answers, "answer", "answers")];
			if (summaries > 0) counts.push(count(summaries, "summary", "summaries"));
			return {
				text: `${counts.join(" and ")}: ${usage.inputTokens} tokens in (${usage.cacheReadTokens} from the cache), ${usage.outputTokens} out.`,
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

const STILL_SUMMING_UP =
	"The summary is still being written. Go on meanwhile: it is used as soon as it is done.";

/** What comes of a long command, or that it takes its time: the dialog waits for no more. */
async function inTime(
	reply: Promise<string>,
	patienceMs: number,
): Promise<string> {
	const { promise, resolve } = Promise.withResolvers<string>();
	const timer = setTimeout(() => resolve(STILL_SUMMING_UP), patienceMs);
	try {
		return await Promise.race([reply, promise]);
	} finally {
		clearTimeout(timer);
	}
}

/** What an AeonError says, from its first letter to its full stop; any other is a fault. */
function asSentence(error: unknown): string {
	if (!(error instanceof AeonError)) throw error;
	const [first = "", ...rest] = error.message;
	const text = [first.toUpperCase(), ...rest].join("");
	return /[.!?]$/.test(text) ? text : `${text}.`;
}

function count(n: number, one: string, several: string): string {
	return `${n} ${n === 1 ? one : several}`;
}

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
