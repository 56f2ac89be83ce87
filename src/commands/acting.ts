// Whose Aeon a command is for, where it runs as a service: root becomes the service's user, anybody else is told of it.

import { accessSync, constants, existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Surroundings } from "../core/config.ts";
import { AeonError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import { becomeProgram } from "../core/platform_linux.ts";
import { readSecrets } from "../core/secrets_file.ts";
import {
	findSystemInstallation,
	type Installation,
} from "../service/installation.ts";

/** What works on a state directory. */
const ON_STATE = new Set([
	...["chat", "serve", "sessions", "storage", "memory", "status", "pair"],
	...["config", "backup", "restore", "doctor"],
]);

/** A person may ask these beside a service of somebody else. */
const FOR_ANYBODY = new Set(["serve", "doctor"]);

/** By these the person says where the work is to be done. */
const PLACES = /^--(config|url|help)(=|$)|^-h$/;

const KEYS = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY"];

/** Folders and sockets of root's login, which the service's user cannot use. */
const OF_A_LOGIN = new Set([
	...["TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"],
	...["XDG_DATA_HOME", "XDG_STATE_HOME", "DBUS_SESSION_BUS_ADDRESS"],
]);

/** Set for the process that acts, so that it does not begin again. */
const ACTING = "AEON_ACTING";

/**
 * Beside a service of this machine, has what root asks for done by the service's user, in its home and with its secrets:
 * this process becomes another one. Anybody else without an Aeon of their own is told so: throws `conflict`. Does nothing
 * where the command names its own place, and where there is no such service.
 */
export function actAsService(args: readonly string[]): void {
	const [command = ""] = args;
	const { env } = process;
	// It began with the secrets in its environment: closed before it does anything.
	if (env[ACTING]) return void platform.hideProcess();
	if (!ON_STATE.has(command) || env.AEON_CONFIG) return;
	if (args.some((arg) => PLACES.test(arg))) return;
	const installed = findSystemInstallation();
	if (!installed?.user) return;
	if (process.getuid?.() === 0) become(installed, installed.user, args);
	refuseBeside(installed.user, args, {
		env,
		cwd: process.cwd(),
		home: homedir(),
	});
}

/** Throws `conflict` where somebody without an Aeon of their own means that of the service. */
export function refuseBeside(
	user: string,
	[command = "", ...flags]: readonly string[],
	{ env, cwd, home }: Surroundings,
): void {
	if (FOR_ANYBODY.has(command) || flags.includes("--demo")) return;
	const own = [join(home, ".aeon", "aeon.json"), join(cwd, "aeon.json")];
	if (own.some((file) => existsSync(file))) return;
	if (KEYS.some((name) => env[name])) return;
	throw new AeonError(
		"conflict",
		`Aeon runs here as the service of the user ${user}`,
		{ hint: `Type: sudo aeon ${command}` },
	);
}

function become(
	{ home, secrets, binary }: Installation,
	user: string,
	args: readonly string[],
): never {
	const known = secrets && existsSync(secrets) ? readSecrets(secrets) : {};
	const set = Object.entries(process.env).filter(
		([name, value]) => value && !OF_A_LOGIN.has(name),
	);
	const words = fromHere(args);
	try {
		process.setgid?.(user);
		process.setgroups?.([process.getgid?.() ?? user]);
		process.setuid?.(user);
		// An aeon.json where root happens to be is not the service's, nor one that a command of it has laid somewhere.
		process.chdir("/");
	} catch (error) {
		throw new AeonError("conflict", `root cannot become the user ${user}`, {
			cause: error,
			hint: "The service is half gone: sudo aeon service install makes it whole.",
		});
	}
	checkFile(words, user);
	const { argv } = platform.self();
	// Where that user may not run this very file, the one of the service.
	const program = [...argv.slice(0, 1), binary].find(mayRun) ?? binary;
	// HOME is read once, when a process starts.
	becomeProgram(program, [program, ...argv.slice(1), ...words], {
		...known,
		...Object.fromEntries(set),
		HOME: home,
		USER: user,
		LOGNAME: user,
		[ACTING]: user,
	});
}

function mayRun(program: string): boolean {
	try {
		accessSync(program, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

/** The words of a command that is done somewhere else, with the file that they name as a whole path. */
function fromHere(args: readonly string[]): string[] {
	const at = fileAt(args);
	return args.map((word, index) => (index === at ? resolve(word) : word));
}

/** Where the words of a command name a backup; -1 where they do not. */
function fileAt([command = "", ...rest]: readonly string[]): number {
	if (command !== "backup" && command !== "restore") return -1;
	return rest.findIndex((word) => !word.startsWith("-")) + 1 || -1;
}

/** Throws `usage` where a backup could not be read or written where the person wants it. */
function checkFile(args: readonly string[], user: string): void {
	const path = args[fileAt(args)];
	if (path === undefined) return;
	const [command] = args;
	const [needed, right, verb] =
		command === "backup"
			? [dirname(path), constants.W_OK | constants.X_OK, "write into"]
			: [path, constants.R_OK, "read"];
	try {
		accessSync(needed, right);
	} catch {
		throw new AeonError(
			"usage",
			`aeon ${command} is done by the service's user ${user}, who may not ${verb} ${needed}`,
			{
				hint: `Take a place that ${user} can use, such as one beneath ${user}'s home, and copy it from or to there.`,
			},
		);
	}
}
