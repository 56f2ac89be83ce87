import type { ApprovalRequest, Decision } from "../../core/approval.ts";
import { paint, visible } from "../../core/terminal.ts";

const ANSWERS: Record<string, Decision> = {
	y: "allow",
	yes: "allow",
	a: "always",
	always: "always",
};

/**
 * Shows the exact command and directory and asks for a word. Whatever is neither yes nor always is no; so is a question
 * that nobody answers before the signal aborts.
 */
export async function askApproval(
	{ command, cwd }: ApprovalRequest,
	hasColour: boolean,
	ask: (question: string) => Promise<string>,
): Promise<Decision> {
	const shown = visible(command)
		.split("\n")
		.map((line) => `    ${paint("bold", line, hasColour)}`)
		.join("\n");
	const answer = await ask(
		`  Aeon wants to run this command:\n${shown}\n  in ${visible(cwd)}\n  [y] yes  [a] always this exact command  [n] no > `,
	);
	return ANSWERS[answer.trim().toLowerCase()] ?? "deny";
}
