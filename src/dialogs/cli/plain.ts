// The terminal where nobody types between the answers: `aeon chat -m`, and `aeon chat` behind a pipe.

import type { ApprovalRequest, Decision } from "../../core/approval.ts";
import { canAsk, print, printable } from "../../core/terminal.ts";
import type { DialogProvider } from "../provider.ts";
import { askApproval } from "./approval.ts";
import { Screen, type ScreenOptions } from "./screen.ts";

/** A dialog that only shows: answers where they go, all else beside them. */
export function plain(options: ScreenOptions): DialogProvider {
	const screen = new Screen(options);
	return {
		name: "cli",
		async start() {},
		async stop() {
			screen.rest();
		},
		async send(_userId, { text }) {
			screen.line("message:");
			options.aside.write(`${printable(text)}\n`);
		},
		show: (_userId, event) => screen.show(event),
		async approve(
			_sessionKey: string,
			request: ApprovalRequest,
			signal: AbortSignal,
		): Promise<Decision> {
			screen.rest();
			// Ctrl-D at an earlier question ended what can be read.
			if (canAsk() && !process.stdin.readableEnded)
				return askApproval(request, options.out.hasColour, (question) =>
					askLine(question, signal),
				);
			screen.failure(
				`Not run, since nobody can be asked here: ${request.command}\nSet tools.exec.approval to "allow" in aeon.json to run commands unasked.`,
			);
			return "deny";
		},
	};
}

/**
 * The line that answers a question; empty where none comes before the signal aborts. It is typed by the terminal's own
 * means, not in raw mode, so that Ctrl-C stays the signal that stops a turn.
 */
async function askLine(question: string, signal: AbortSignal): Promise<string> {
	const { createInterface } = await import("node:readline");
	if (signal.aborted) return "";
	const { promise, resolve } = Promise.withResolvers<string>();
	const lines = createInterface({ input: process.stdin });
	const close = () => lines.close();
	lines.once("line", resolve);
	lines.once("close", () => {
		print("\n");
		resolve("");
	});
	signal.addEventListener("abort", close, { once: true });
	print(question);
	const answer = await promise;
	signal.removeEventListener("abort", close);
	lines.removeAllListeners("close").close();
	return answer;
}
