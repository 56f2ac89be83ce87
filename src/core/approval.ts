/** A command that wants a person's word before it runs. */
export interface ApprovalRequest {
	tool: string;
	command: string;
	/** The real directory it would run in. */
	cwd: string;
}

/** A person's word: once, from now on for exactly this command in this directory, or no. */
export type Decision = "allow" | "always" | "deny";
