#!/usr/bin/env bun
// The root command: argv to a command, an error to an exit code.

import { restartWithoutJit } from "./core/platform_restart.ts";
import { VERSION } from "./core/version.ts";

/** Exit codes: failure, and a command line or configuration that cannot be used. */
const FAILED = 1;
const UNUSABLE = 2;

/** The commands; each is loaded when it runs. Literal imports, since a computed one fails in a compiled binary. */
const commands = {
	init: () => import("./commands/init.ts").then((module) => module.init),
	chat: () => import("./commands/chat.ts").then((module) => module.chat),
	serve: () => import("./commands/serve.ts").then((module) => module.serve),
	status: () => import("./commands/status.ts").then((module) => module.status),
	pair: () => import("./commands/pair.ts").then((module) => module.pair),
	service: () =>
		import("./commands/service.ts").then((module) => module.service),
	doctor: () => import("./commands/doctor.ts").then((module) => module.doctor),
	update: () => import("./commands/update.ts").then((module) => module.update),
	sessions: () =>
		import("./commands/sessions.ts").then((module) => module.sessions),
	memory: () => import("./commands/memory.ts").then((module) => module.memory),
	config: () => import("./commands/config.ts").then((module) => module.config),
	backup: () => import("./commands/backup.ts").then((module) => module.backup),
	restore: () =>
		import("./commands/restore.ts").then((module) => module.restore),
	storage: () =>
		import("./commands/storage.ts").then((module) => module.storage),
};

if (import.meta.main) await main(process.argv.slice(2));

async function main(args: string[]): Promise<void> {
	if (args[0] === "confine") {
		const { confine } = await import("./commands/confine.ts");
		confine(args.slice(1));
	}
	process.umask(0o077);
	if (args[0] === "--version" || args[0] === "-v") {
		console.log(`aeon ${VERSION}`);
		return;
	}
	restartWithoutJit(args);
	try {
		if (args[0] === "self-test") {
			const { selfTest } = await import("./commands/self_test.ts");
			return await selfTest(args.slice(1));
		}
		// What root serves, or anybody asks for, may be meant for the service of this machine; the service is that itself.
		if (args[0] !== "serve" || process.getuid?.() === 0) {
			const { actAsService } = await import("./commands/acting.ts");
			actAsService(args);
		}
		const { runCommandLine } = await import("./commands/command_line.ts");
		await runCommandLine(args, commands, VERSION);
	} catch (error) {
		process.exitCode = await report(error);
	}
	// Sockets that a provider keeps alive must not hold the program.
	process.exit();
}

/** Says what went wrong and what can be done about it; gives the exit code. A reader that went away is no failure. */
async function report(error: unknown): Promise<number> {
	const { AeonError, describeError, hasCode } = await import(
		"./core/errors.ts"
	);
	if ((error as NodeJS.ErrnoException)?.code === "EPIPE") return 0;
	const { printable } = await import("./core/terminal.ts");
	console.error(`aeon: ${printable(describeError(error))}`);
	if (error instanceof AeonError && error.hint)
		console.error(printable(error.hint));
	const isFault = !(error instanceof AeonError) && error instanceof Error;
	if (isFault && process.env.AEON_DEBUG) console.error(error.stack);
	return hasCode(error, "usage", "config_invalid") ? UNUSABLE : FAILED;
}
