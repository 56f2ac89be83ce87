import { homedir } from "node:os";
import { join } from "node:path";
import { defineCommand } from "citty";
import { AeonError } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import {
	completeSessionKey,
	formatSessionKey,
	parseSessionKey,
} from "../core/session.ts";
import { canAsk, print, printError, terminalStyle } from "../core/terminal.ts";
import { sayEach, sayOnce } from "./one_shot.ts";
import { appOptions, configFlag, logFlag } from "./options.ts";
import { serverFlags } from "./reach.ts";
import { INTERRUPTED, withSignals } from "./signals.ts";
import { findPartner, type Partner, type Talk } from "./talk.ts";

/** `aeon chat`: a conversation in the terminal, or one message and its answer. */
export const chat = defineCommand({
	meta: { name: "chat", description: "Talk to Aeon in the terminal" },
	args: {
		message: {
			type: "string",
			alias: "m",
			description:
				"Say one thing, print the answer and leave; - reads it from standard input",
			valueHint: "TEXT",
		},
		json: {
			type: "boolean",
			description: "With -m: print the answer as one JSON object",
		},
		agent: {
			type: "string",
			description: "The agent to talk to",
			valueHint: "NAME",
		},
		session: {
			type: "string",
			description:
				"The session to go on in: a name of your choice, or a whole key",
			valueHint: "NAME",
		},
		demo: {
			type: "boolean",
			description:
				"Let the built-in demo answer, whatever the configuration says",
		},
		...serverFlags,
		...configFlag,
		...logFlag,
	},
	async run({ args }) {
		if (args.json && args.message === undefined)
			throw new AeonError("usage", "--json needs -m TEXT");
		const agent = agentOf(args.session) ?? args.agent;
		const partner = await findPartner(
			{ ...args, agent },
			appOptions(args["log-level"]),
		);
		try {
			const sessionKey = chooseSession(partner, args.agent, args.session);
			if (partner.notice) printError(`${partner.notice}\n`);
			const talk = await partner.open();
			const { message, json = false } = args;
			if (message !== undefined)
				process.exitCode = await sayOnce(talk, sessionKey, message, json);
			else if (canAsk()) process.exitCode = await converse(talk, sessionKey);
			else process.exitCode = await sayEach(talk, sessionKey);
		} finally {
			await partner.close();
		}
	},
});

/** A conversation: until the person leaves. */
async function converse(talk: Talk, sessionKey: string): Promise<number> {
	const { openTerminal } = await import("../dialogs/cli/cli.ts");
	const style = terminalStyle(process.env);
	print(
		`Aeon, session ${sessionKey}. /help lists the commands, Ctrl-D leaves.\n`,
	);
	const dialog = openTerminal({
		...style,
		sessionKey,
		historyFile: join(stateDirectory(homedir()), "chat_history"),
		write: print,
	});
	await dialog.start(talk.addDialog(dialog));
	const { value: ending, exitCode } = await withSignals(
		() => void dialog.stop(),
		() => dialog.ended,
	);
	return exitCode ?? (ending === "interrupt" ? INTERRUPTED : 0);
}

/** The agent that a whole session key names; a name alone names none. */
function agentOf(session = ""): string | undefined {
	return session.startsWith("agent:")
		? parseSessionKey(session).agentId
		: undefined;
}

/** The session to talk in: `--session` as a whole key or a name, `--agent` or the default agent. */
function chooseSession(
	{ agents, defaultAgent }: Partner,
	agent: string | undefined,
	session = "local",
): string {
	const agentId = agent ?? defaultAgent;
	const key = completeSessionKey(
		session,
		formatSessionKey({ agentId, dialog: "cli", userId: "local" }),
	);
	const { agentId: chosen } = parseSessionKey(key);
	if (!agents.includes(chosen))
		throw new AeonError(
			"usage",
			`there is no agent "${chosen}": agents are ${agents.join(", ")}`,
		);
	return key;
}
