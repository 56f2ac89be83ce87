// How a shell command is started: as it is, or out of reach of Aeon's own files.

import { platform } from "./platform.ts";

/** A command line, the folder it is started in, and variables that it needs beside the command's own. */
export interface Launch {
	argv: string[];
	cwd: string;
	env: Record<string, string>;
}

/** What a confined command may not touch, and the one folder that it may, even inside of that. */
export interface Reach {
	workspace: string;
	/** Files and folders, there or not yet. A folder is closed with all that is in it. */
	protectedPaths: readonly string[];
}

/** A Reach and the folder that the command is to run in: what `aeon confine` is handed, as JSON. */
export interface Confinement extends Reach {
	cwd: string;
}

/** The arguments, the name first, of a shell that runs a command with stderr in stdout's pipe: two would lose the order. */
export function shellArguments(command: string): string[] {
	return ["sh", "-c", 'exec sh -c "$0" 2>&1', command];
}

/** A shell command with all rights of Aeon's user. */
export function openShell(command: string, cwd: string): Launch {
	return { argv: shellArguments(command), cwd, env: {} };
}

/**
 * Starts shell commands that can neither read nor write what is protected, nor make, move or remove a name right in a
 * folder on the way to it, such as the home that `.aeon` lies in. They can list names everywhere, and Linux lets them change
 * modes, owners and times. No setuid program works in them: no sudo. Without Landlock they start as they are; `warn` is told
 * at the first.
 */
export function createConfinement(
	reach: Reach,
	warn: () => void,
	canConfine: () => boolean = platform.canConfine,
): (command: string, cwd: string) => Launch {
	let isTold = false;
	return (command, cwd) => {
		if (canConfine()) {
			const confinement = JSON.stringify({ ...reach, cwd });
			const self = platform.self();
			const argv = [...self.argv, "confine", confinement, command];
			// Started from source, Bun runs what a bunfig.toml in its folder names, and a command may write one.
			return { argv, cwd: "/", env: self.env };
		}
		if (!isTold) warn();
		isTold = true;
		return openShell(command, cwd);
	};
}
