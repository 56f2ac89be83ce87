// The terminal as a dialog: `aeon chat`.

import type { ApprovalRequest, Decision } from "../../core/approval.ts";
import { describeError, hasCode } from "../../core/errors.ts";
import type { TurnEvent } from "../../core/event.ts";
import { type Output, paint, printable } from "../../core/terminal.ts";
import type { DialogProvider } from "../provider.ts";
import { askApproval } from "./approval.ts";
import { Conversation } from "./conversation.ts";
import { type Editor, openEditor } from "./editor.ts";
import { Screen } from "./screen.ts";

/** What a chat in the terminal begins with, and the terminal it is shown on. */
export interface CliOptions extends Output {
	sessionKey: string;
	/** Keeps what was typed, for the arrow keys of the next chat. */
	historyFile: string;
}

/** How a person left a chat: of their own accord, or by Ctrl-C. */
export type Ending = "exit" | "interrupt";

/** A chat in the terminal, and when the person has left it. */
export interface CliDialog extends DialogProvider {
	readonly ended: Promise<Ending>;
}

/** The terminal as a dialog. */
export function openTerminal(options: CliOptions): CliDialog {
	const { write, hasColour } = options;
	const screen = new Screen({ out: options, aside: options });
	const { promise: ended, resolve: end } = Promise.withResolvers<Ending>();
	let isStopping = false;
	let conversation: Conversation | undefined;
	let editor: Editor | undefined;

	const settle = () => {
		if (conversation?.isRunning) return;
		isStopping = false;
		editor?.prompt();
	};

	const take = async (line: string) => {
		if (!conversation || line.trim() === "") return;
		const obeyed = await conversation.obey(line);
		if (obeyed?.leaves) return end("exit");
		if (obeyed) {
			for (const one of obeyed.text.split("\n")) screen.line(one);
			return;
		}
		if (conversation.isRunning) screen.line(`(waits) ${line}`);
		editor?.setQuiet(true);
		await conversation.say(line);
	};

	return {
		name: "cli",
		ended,
		async start(host) {
			const started = new Conversation(host, options.sessionKey);
			conversation = started;
			editor = openEditor(paint("cyan", "> ", hasColour), options.historyFile, {
				line: (text) =>
					void take(text)
						.catch((error) => screen.failure(describeError(error)))
						.finally(settle),
				interrupt(discarded) {
					if (!isStopping && started.isRunning) {
						isStopping = true;
						void started.stop();
						return;
					}
					write("\n");
					if (discarded === "" || isStopping) end("interrupt");
					else settle();
				},
				end() {
					write("\n");
					end("exit");
				},
			});
			editor.prompt();
		},
		async stop() {
			screen.rest();
			editor?.close();
			editor = undefined;
			end("exit");
		},
		async send(_userId, { text }) {
			screen.line("message:");
			write(`${printable(text)}\n`);
		},
		show: (_userId: string, event: TurnEvent) => screen.show(event),
		async approve(
			_sessionKey: string,
			request: ApprovalRequest,
			signal: AbortSignal,
		): Promise<Decision> {
			screen.rest();
			const asked = editor;
			if (!asked) return "deny";
			try {
				return await askApproval(request, hasColour, (question) =>
					asked.ask(question, signal),
				);
			} catch (error) {
				if (hasCode(error, "cancelled", "timeout")) return "deny";
				throw error;
			}
		},
	};
}
