// Shell commands out of reach of Aeon's own files.

import { namespaces } from "./namespaces.ts";
import { platform } from "./platform.ts";
import { type Launch, openShell } from "./shell.ts";

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

/** One way to keep a command from files. */
export interface Confiner {
	/** True where this machine has it; it is asked once, before the first command. */
	works(reach: Reach): boolean;
	start(reach: Reach, command: string, cwd: string): Launch;
}

/**
 * Neither can what is protected be read or written, nor can a name be made, moved or removed right in a folder on the way to
 * it, such as the home that `.aeon` lies in. Names can be listed everywhere, and Linux lets modes, owners and times be changed.
 */
const landlock: Confiner = {
	works: () => platform.hasLandlock(),
	start(reach, command, cwd) {
		const confinement = JSON.stringify({ ...reach, cwd });
		const self = platform.self();
		const argv = [...self.argv, "confine", confinement, command];
		// Started from source, Bun runs what a bunfig.toml in its folder names, and a command may write one.
		return { argv, cwd: "/", env: self.env };
	},
};

/**
 * Starts shell commands that can neither read nor write what is protected, in the first of these ways that works here. No
 * setuid program works in them: no sudo. Where none works they start as they are; `warn` is told at the first.
 */
export function createConfinement(
	reach: Reach,
	warn: () => void,
	confiners: readonly Confiner[] = [landlock, namespaces],
): (command: string, cwd: string) => Launch {
	let confiner: Confiner | undefined;
	let isChosen = false;
	return (command, cwd) => {
		if (!isChosen) {
			confiner = confiners.find((one) => one.works(reach));
			if (!confiner) warn();
		}
		isChosen = true;
		return confiner?.start(reach, command, cwd) ?? openShell(command, cwd);
	};
}
