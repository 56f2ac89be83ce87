// The port to tools: what the model may do beside talking.

import type { output, ZodMiniObject } from "zod/mini";
import type { ApprovalRequest, Decision } from "../core/approval.ts";
import type { UserMemory } from "../core/memory.ts";
import type { Attachment } from "../core/message.ts";
import type { Launch } from "../core/shell.ts";
import type { Workspace } from "./workspace.ts";

/** What a run of a tool comes to. Both texts are for the model: `error` says what is wrong and what to do instead. */
export interface ToolResult {
	success: boolean;
	output: string;
	error?: string;
	/** Pictures for the model to see, by paths inside the workspace. */
	attachments?: Attachment[];
}

/** What a tool gets to work with in one turn. */
export interface ToolContext<Options = unknown> {
	/** Aborted when the turn is stopped: whatever the tool started ends with it, in under a second. */
	signal: AbortSignal;
	sessionKey: string;
	workspace: Workspace;
	/** The tool's own section of aeon.json, `tools.<name>`. */
	options: Options;
	/** How a shell command is started in a folder so that it cannot touch Aeon's own files. */
	confine(command: string, cwd: string): Launch;
	/** What is remembered of the user whose turn it is, and nobody else's. */
	memory: UserMemory;
	/** Asks the person of this session. Resolves to `deny` where nobody can be asked. */
	approve(request: ApprovalRequest): Promise<Decision>;
	/**
	 * Sends a message to a dialog, and says where it went. The text may be empty where files of the workspace go with it.
	 * Throws where the target is not allowed or the dialog is not there.
	 */
	send(message: {
		dialog?: string | undefined;
		to?: string | undefined;
		text: string;
		attachments?: Attachment[];
	}): Promise<string>;
}

/** One thing the model can do. */
export interface Tool<
	Parameters extends ZodMiniObject = ZodMiniObject,
	Options extends ZodMiniObject = ZodMiniObject,
> {
	/** The word the model calls it by: `a-z`, `0-9` and `_`. */
	readonly name: string;
	/** For the model: what it does, and its limits. Short: it is sent with every request. */
	readonly description: string;
	readonly parameters: Parameters;
	/** The schema of `tools.<name>` in aeon.json, where the tool has settings. */
	readonly options?: Options;
	/** False where the settings switch the tool off: the model is then not told of it. */
	offered?(options: output<Options>): boolean;
	/**
	 * Runs it. The parameters are checked already. A failure that the model can mend is a result with `success: false`;
	 * a throw is a fault, which the caller turns into one. Output is bounded by the tool itself.
	 */
	execute(
		parameters: output<Parameters>,
		context: ToolContext<output<Options>>,
	): Promise<ToolResult>;
}

/** Declares a tool: gives `execute` the types of its schemas. */
export function defineTool<
	Parameters extends ZodMiniObject,
	Options extends ZodMiniObject = ZodMiniObject,
>(tool: Tool<Parameters, Options>): Tool<Parameters, Options> {
	return tool;
}

/** A result the model can act on: what is wrong, and what to do instead. */
export function failure(error: string): ToolResult {
	return { success: false, output: "", error };
}
