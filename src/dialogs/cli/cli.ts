// The terminal as a dialog: `aeon chat`.

import type { ApprovalRequest, Decision } from "../../core/approval.ts";
import { describeError, hasCode } from "../../core/errors.ts";
import type { TurnEvent } from "../../core/event.ts";
import { completeSessionKey } from "../../core/session.ts";
import { paint, printable, type TerminalStyle } from "../../core/terminal.ts";
import type { DialogHost, DialogProvider } from "../provider.ts";
import { askApproval } from "./approval.ts";
import { type Editor, openEditor } from "./editor.ts";
import { Screen } from "./screen.ts";

/** What a chat in the terminal begins with. */
export interface CliOptions extends TerminalStyle {
	sessionKey: string;
	/** Keeps what was typed, for the arrow keys of the next chat. */
	historyFile: string;
	write(text: string): void;
}

/** How a person left a chat: of their own accord, or by Ctrl-C. */
export type Ending = "exit" | "interrupt";

/** A chat in the terminal, and when the person has left it. */
export interface CliDialog extends DialogProvider {
	readonly ended: Promise<Ending>;
}

const HELP =
	"/session  show the session, or go on in another: /session NAME\n/exit     leave (so does Ctrl-D)";

/** The terminal as a dialog. */
export function cli(options: CliOptions): CliDialog {
	const { write, hasColour } = options;
	const screen = new Screen({ ...options, aside: write });
	const { promise: ended, resolve: end } = Promise.withResolvers<Ending>();
	let { sessionKey } = options;
	let model: string | undefined;
	let running = 0;
	let isStopping = false;
	let host: DialogHost | undefined;
	let editor: Editor | undefined;

	const settle = () => {
		if (running > 0) return;
		isStopping = false;
		editor?.prompt();
	};

	const say = async (text: string) => {
		if (running++ > 0) screen.line(`(waits) ${text}`);
		editor?.setQuiet(true);
		try {
			await host?.receive({ sessionKey, text, ...(model && { model }) });
		} catch (error) {
			screen.failure(describeError(error));
		} finally {
			running--;
			settle();
		}
	};

	const obey = async (line: string): Promise<boolean> => {
		const [word, ...rest] = line.trim().split(/\s+/);
		if (word === "/exit" || word === "/quit") {
			end("exit");
			return true;
		}
		if (word === "/session") {
			try {
				if (rest.length > 0)
					sessionKey = completeSessionKey(rest.join(" "), sessionKey);
				screen.line(`Session ${sessionKey}`);
			} catch (error) {
				screen.failure(describeError(error));
			}
			return true;
		}
		const reply = await host?.command(line, { sessionKey, model });
		if (!reply) return false;
		model = reply.model ?? model;
		const help = word === "/help" ? `\n${HELP}` : "";
		for (const one of `${reply.text}${help}`.split("\n")) screen.line(one);
		return true;
	};

	const onLine = async (line: string) => {
		if (line.trim() === "") return settle();
		if (await obey(line)) return settle();
		await say(line);
	};

	return {
		name: "cli",
		ended,
		async start(dialogHost) {
			host = dialogHost;
			editor = openEditor(paint("cyan", "> ", hasColour), options.historyFile, {
				line: (text) =>
					void onLine(text).catch((error) =>
						screen.failure(describeError(error)),
					),
				interrupt(discarded) {
					if (running > 0 && !isStopping && host?.cancel(sessionKey)) {
						isStopping = true;
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
			_userId: string,
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
