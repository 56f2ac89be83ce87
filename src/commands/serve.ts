import { homedir } from "node:os";
import { defineCommand } from "citty";
import { Serving } from "../app_serve.ts";
import { stateDirectory } from "../core/paths.ts";
import { printError } from "../core/terminal.ts";
import { appOptions, configFlag, logFlag, surroundings } from "./options.ts";

/** Whatever hangs, the process ends so long after it was told to. */
const END_MS = 9_500;

/** `aeon serve`: Aeon for as long as it is not told to end. */
export const serve = defineCommand({
	meta: {
		name: "serve",
		description: "Run Aeon for clients, chats and dialogs, until it is stopped",
	},
	args: {
		demo: {
			type: "boolean",
			description:
				"Let the built-in demo answer, whatever the configuration says",
		},
		...configFlag,
		...logFlag,
	},
	async run({ args }) {
		const { logLevel } = appOptions(args["log-level"]);
		// Before the first line is said: whoever reads it may send a signal at once.
		const { told, hurry, tell, mustEnd } = awaitEnd();
		let isAnew = false;
		const restart = () => {
			isAnew = true;
			tell();
		};
		// What aeon update sends when it has put another program in this one's place.
		process.on("SIGUSR2", restart);
		const started = Serving.start({
			settings: {
				...surroundings(),
				configFlag: args.config,
				demo: args.demo ?? false,
				needs: "everything",
			},
			logLevel,
			say: (line) => printError(`${line}\n`),
			restart,
		});
		process.on("SIGHUP", async () => (await started).reload());
		for (const kind of ["unhandledRejection", "uncaughtException"])
			process.on(kind, async (error) => (await started).fault(error));
		const serving = await started;
		try {
			await Promise.race([told, serving.failed]);
		} finally {
			await serving.stop(hurry);
		}
		// Whoever wants it to end has the last word.
		if (!isAnew || mustEnd()) return;
		const { startAnew } = await import("../app_trial.ts");
		startAnew(stateDirectory(homedir()));
	},
});

/** Resolves when the process is told to end; `hurry` aborts when it is told again. */
function awaitEnd() {
	const { promise: told, resolve } = Promise.withResolvers<void>();
	const again = new AbortController();
	let isTold = false;
	for (const signal of ["SIGTERM", "SIGINT"])
		process.on(signal, () => {
			if (isTold) again.abort();
			isTold = true;
			setTimeout(() => process.exit(0), END_MS).unref();
			resolve();
		});
	return { told, hurry: again.signal, tell: resolve, mustEnd: () => isTold };
}
