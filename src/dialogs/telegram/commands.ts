// Commands such as /new, which act at once, beside everything that waits.

import type { DialogHost } from "../provider.ts";
import type { Command } from "./addressing.ts";
import type { Memory } from "./memory.ts";
import { createOnce } from "./once.ts";

/** What a command is run with. */
export interface CommandParts {
	host: Pick<DialogHost, "command">;
	memory: Pick<Memory, "modelOf" | "chooseModel">;
}

/** Runs the command of an update and gives what to answer; undefined where the host knows it for a message. An update that comes again is answered again, but its command is not run again. */
export type RunCommand = (
	updateId: number,
	command: Command,
	sessionKey: string,
) => Promise<string | undefined>;

/** What the menu offers, in the order of use. */
export const COMMANDS = [
	{ command: "new", description: "Begin a new conversation" },
	{ command: "stop", description: "Stop what is running" },
	{ command: "status", description: "Show how things are" },
	{ command: "model", description: "Show or choose the model" },
	{ command: "usage", description: "Show the tokens used" },
	{ command: "help", description: "List the commands" },
];

/** What every bot is sent first, by its button "Start". */
const GREETING =
	"Hello, this is Aeon. Write to me as to anybody; /help lists the commands.";

/** The commands of a dialog. */
export function createCommands({ host, memory }: CommandParts): RunCommand {
	const once = createOnce();
	return (updateId, { word, line }, sessionKey) =>
		once(updateId, async () => {
			if (word === "start") return GREETING;
			const model = memory.modelOf(sessionKey);
			const reply = await host.command(line, { sessionKey, model });
			if (reply?.model !== undefined)
				await memory.chooseModel(sessionKey, reply.model);
			return reply?.text;
		});
}
