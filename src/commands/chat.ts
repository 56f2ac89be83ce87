import { join } from "node:path";
import { defineCommand } from "citty";
import { type Aeon, openAeon } from "../app.ts";
import { AeonError } from "../core/errors.ts";
import {
	completeSessionKey,
	formatSessionKey,
	parseSessionKey,
} from "../core/session.ts";
import { canAsk, print, printError, terminalStyle } from "../core/terminal.ts";
import type { Settings } from "../settings/schema.ts";
import {
	defaultAgent,
	loadSettings,
	stateDirectory,
} from "../settings/settings.ts";
import { sayEach, sayOnce } from "./one_shot.ts";
import { appOptions, configFlag, logFlag, surroundings } from "./options.ts";
import { INTERRUPTED, withSignals } from "./signals.ts";

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
		...configFlag,
		...logFlag,
	},
	async run({ args }) {
		if (args.json && args.message === undefined)
			throw new AeonError("usage", "--json needs -m TEXT");
		const options = appOptions(args["log-level"]);
		const where = surroundings();
		const settings = await loadSettings({
			...where,
			configFlag: args.config,
			demo: args.demo ?? false,
			agent: agentOf(args.session) ?? args.agent,
			needs: "agent",
		});
		const sessionKey = chooseSession(settings, args.agent, args.session);
		if (settings.notice) printError(`${settings.notice}\n`);
		const aeon = await openAeon(settings, options);
		try {
			const { message, json = false } = args;
			if (message !== undefined)
				process.exitCode = await sayOnce(aeon, sessionKey, message, json);
			else if (canAsk())
				process.exitCode = await converse(aeon, sessionKey, where.home);
			else process.exitCode = await sayEach(aeon, sessionKey);
		} finally {
			await aeon.close();
		}
	},
});

/** A conversation: until the person leaves. */
async function converse(
	aeon: Aeon,
	sessionKey: string,
	home: string,
): Promise<number> {
	const { cli } = await import("../dialogs/registry.ts");
	const style = terminalStyle(process.env);
	print(
		`Aeon, session ${sessionKey}. /help lists the commands, Ctrl-D leaves.\n`,
	);
	const dialog = cli({
		...style,
		sessionKey,
		historyFile: join(stateDirectory(home), "chat_history"),
		write: print,
	});
	await dialog.start(aeon.addDialog(dialog));
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
	{ agents }: Settings,
	agent: string | undefined,
	session = "local",
): string {
	const agentId = agent ?? defaultAgent(agents);
	const key = completeSessionKey(
		session,
		formatSessionKey({ agentId, dialog: "cli", userId: "local" }),
	);
	const { agentId: chosen } = parseSessionKey(key);
	if (!Object.hasOwn(agents, chosen))
		throw new AeonError(
			"usage",
			`there is no agent "${chosen}": agents are ${Object.keys(agents).join(", ")}`,
		);
	return key;
}
