// The question whether a command may run, as every dialog with buttons asks it.

import type { ApprovalRequest } from "../core/approval.ts";
import { visible } from "../core/terminal.ts";

/** Nobody is waited for longer. */
export const QUESTION_LIMIT_MS = 5 * 60 * 1000;

/** What is said where nobody has answered in that time. */
export const UNANSWERED = "Nobody answered in five minutes: not allowed.";

/** What is said to an answer that comes too late, or once more. */
export const CLOSED = "This question is closed.";

/** The question in Markdown: exactly what would run, with what is invisible in it made visible. */
export function describeRequest({
	tool,
	command,
	cwd,
}: ApprovalRequest): string {
	const shown = command.split("\n").map(visible).join("\n");
	const longest = Math.max(
		2,
		...[...shown.matchAll(/`+/g)].map(([ticks]) => ticks.length),
	);
	const fence = "`".repeat(longest + 1);
	const place = `${fence}\n${visible(cwd)}\n${fence}`;
	return `Aeon wants to run this command (${tool}):\n\n${fence}\n${shown}\n${fence}\n\nin\n\n${place}`;
}
