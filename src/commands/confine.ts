// `aeon confine CONFINEMENT COMMAND`, not for people: gives up the rights to what is protected, then becomes the shell.

import { readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { Confinement } from "../core/confinement.ts";
import { isWithin } from "../core/paths.ts";
import {
	becomeProgram,
	openRuleset,
	type Ruleset,
} from "../core/platform_linux.ts";
import { shellArguments } from "../core/shell.ts";

/** The shells' own code for a command that is there and cannot be run. */
const NOT_RUN = 126;

interface Entry {
	name: string;
	kind: "file" | "folder";
}

/** Runs the command in place of this process. Where it cannot be confined it does not run. */
export function confine([confinement = "", command = ""]: string[]): never {
	try {
		const { cwd, ...reach } = JSON.parse(confinement) as Confinement;
		process.chdir(cwd);
		const ruleset = openRuleset();
		allowReach(ruleset, reach);
		ruleset.enforce();
		becomeProgram("/bin/sh", shellArguments(command));
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		console.error(
			`aeon: the command did not run, since it could not be confined: ${reason}`,
		);
		process.exit(NOT_RUN);
	}
}

/** Rules only ever allow, and with all beneath: so everything is allowed beside the ways to what is protected. */
function allowReach(
	ruleset: Ruleset,
	{ workspace, protectedPaths }: Omit<Confinement, "cwd">,
): void {
	const closed = protectedPaths.map(realPath);
	const open = realpathSync(workspace);
	const exposed = closed.find((path) => isWithin(path, open));
	if (exposed) throw new Error(`${exposed} lies in the workspace`);
	ruleset.allowListing("/");
	ruleset.allow(open, "folder");
	const allowBeneath = (folder: string) => {
		for (const { name, kind } of list(folder) ?? waysFrom(folder, closed)) {
			const path = join(folder, name);
			if (closed.includes(path)) continue;
			if (closed.some((one) => isWithin(one, path))) allowBeneath(path);
			else ruleset.allow(path, kind);
		}
	};
	allowBeneath("/");
}

/** The path without symbolic links, as far as it is there. */
function realPath(path: string): string {
	try {
		return realpathSync(path);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
		return join(realPath(dirname(path)), basename(path));
	}
}

/** What is in a folder; undefined where it may not be listed or is none. */
function list(folder: string): Entry[] | undefined {
	try {
		return readdirSync(folder, { withFileTypes: true }).map((entry) => ({
			name: entry.name,
			kind: entry.isDirectory() ? "folder" : "file",
		}));
	} catch {
		return undefined;
	}
}

/** Of a folder that may be entered but not listed, such as a /home of mode 711: only what leads on is known. */
function waysFrom(folder: string, closed: string[]): Entry[] {
	return closed
		.filter((path) => isWithin(path, folder))
		.map((path) => relative(folder, path).split("/")[0] ?? "")
		.filter((name, index, all) => all.indexOf(name) === index)
		.map((name) => ({ name, kind: "folder" }));
}
