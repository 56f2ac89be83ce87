// How a shell command is started.

/** A command line, the folder it is started in, and variables that it needs beside the command's own. */
export interface Launch {
	argv: string[];
	cwd: string;
	env: Record<string, string>;
}

/** The arguments, the name first, of a shell that runs a command with stderr in stdout's pipe: two would lose the order. */
export function shellArguments(command: string): string[] {
	return ["sh", "-c", 'exec sh -c "$0" 2>&1', command];
}

/** A shell command with all rights of Aeon's user. */
export function openShell(command: string, cwd: string): Launch {
	return { argv: shellArguments(command), cwd, env: {} };
}
