// Commands such as /new, which act at once, beside everything that waits.

import type { DialogMemory } from "./memory.ts";
import { createOnce } from "./once.ts";
import type { DialogHost } from "./provider.ts";

/** A command at the beginning of a text. */
export interface Command {
	/** In small letters, without `/`. */
	word: string;
	/** As it is to be run. */
	line: string;
}

/** What a command is run with. */
export interface CommandParts {
	host: Pick<DialogHost, "command">;
	memory: Pick<DialogMemory<never>, "modelOf" | "chooseModel">;
}

/** Runs the command of a message and gives what to answer; undefined where the host knows it for a message. A message that comes again is answered again, but its command is not run again. */
export type RunCommand = (
	messageId: number | string,
	command: Command,
	sessionKey: string,
) => Promise<string | undefined>;

/** What a menu offers, in the order of use. */
export const COMMANDS = [
	{ command: "new", description: "Begin a new conversation" },
	{ command: "stop", description: "Stop what is running" },
	{ command: "status", description: "Show how things are" },
	{ command: "model", description: "Show or choose the model" },
	{ command: "compact", description: "Sum up what was said before" },
	{ command: "usage", description: "Show the tokens used" },
	{ command: "help", description: "List the commands" },
];

/** The answer to /start, which people send first. */
const GREETING =
	"Hello, this is Aeon. Write to me as to anybody; /help lists the commands.";

/** The commands of a dialog. */
export function createCommands({ host, memory }: CommandParts): RunCommand {
	const once = createOnce();
	return (messageId, { word, line }, sessionKey) =>
		once(messageId, async () => {
			if (word === "start") return GREETING;
			const model = memory.modelOf(sessionKey);
			const reply = await host.command(line, { sessionKey, model });
			if (reply?.model !== undefined)
				await memory.chooseModel(sessionKey, reply.model);
			return reply?.text;
		});
}
