// The terminal where nobody types between the answers: `aeon chat -m`, and `aeon chat` behind a pipe.

import type { ApprovalRequest, Decision } from "../../core/approval.ts";
import { canAsk, printable } from "../../core/terminal.ts";
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
			options.aside(`${printable(text)}\n`);
		},
		show: (_userId, event) => screen.show(event),
		async approve(
			_userId: string,
			request: ApprovalRequest,
			signal: AbortSignal,
		): Promise<Decision> {
			screen.rest();
			if (canAsk())
				return askApproval(request, options.hasColour, (question) =>
					askLine(question, signal),
				);
			screen.failure(
				`Not run, since nobody can be asked here: ${request.command}\nSet tools.exec.approval to "allow" in aeon.json to run commands unasked.`,
			);
			return "deny";
		},
	};
}

async function askLine(question: string, signal: AbortSignal): Promise<string> {
	const { createInterface } = await import("node:readline/promises");
	const lines = createInterface({
		input: process.stdin,
		output: process.stdout,
	});
	try {
		return await lines.question(question, { signal });
	} finally {
		lines.close();
	}
}
