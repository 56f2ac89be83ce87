// The parts put together: checked settings in, a running Aeon out. With app_agents.ts the only file that opens drivers.

import { join } from "node:path";
import type { Agent } from "./agent/agent.ts";
import { Mailbox } from "./agent/mailbox.ts";
import { Runtime } from "./agent/runtime.ts";
import { openAgents } from "./app_agents.ts";
import { type OpenDialog, openDialog } from "./app_dialogs.ts";
import { createMedia } from "./app_media.ts";
import { type AppMemory, createMemory } from "./app_memory.ts";
import { openStore } from "./app_store.ts";
import { orAborted } from "./core/abort.ts";
import type { RuntimeEvent } from "./core/event.ts";
import {
	createLogger,
	type Logger,
	type LogLevel,
	type LogRecord,
} from "./core/logger.ts";
import { stateDirectory } from "./core/paths.ts";
import { platform } from "./core/platform.ts";
import { collectSecrets } from "./core/secret.ts";
import { openStateDirectory } from "./core/state.ts";
import type { DialogHost, DialogProvider } from "./dialogs/provider.ts";
import type { Settings } from "./settings/schema.ts";
import type { SessionStore } from "./storage/store.ts";
import { openApprovals } from "./tools/approvals.ts";
import type { ToolContext } from "./tools/tool.ts";

/** A running Aeon. */
export interface Aeon {
	runtime: Runtime;
	store: SessionStore;
	/** What it runs with now. */
	settings(): Settings;
	/** The agents that answer now, by their ids. */
	agents(): ReadonlyMap<string, Agent>;
	/** The messages that are on their way to their turns. */
	mailbox: Pick<Mailbox, "stop" | "arrived">;
	/** What is remembered of everybody. */
	memory: AppMemory["facts"];
	/** The folder that the tools share. */
	workspace(): ToolContext["workspace"];
	/** Makes a dialog known, and gives what it is started with: what is said through it is shown, asked and sent in it. */
	addDialog(dialog: DialogProvider): DialogHost;
	/** Every dialog that is known, by its name. */
	dialogs: ReadonlyMap<string, OpenDialog>;
	/** Answers with other agents, models and tools from now on. Turns that run keep what they began with. Throws as `openAeon` does, and then nothing has changed. */
	reload(settings: Settings): void;
	/** Takes no message in any more: what runs goes on. */
	stopDialogs(): Promise<void>;
	/** Stops every turn and dialog, sends what can be sent at once, and closes the store. */
	close(): Promise<void>;
}

/** What the command line adds to the settings. */
export interface AppOptions {
	/** Whose state directory holds what is not in the settings. */
	home: string;
	logLevel: LogLevel;
	/** Where warnings are shown to the person at the terminal. */
	warn(line: string, record?: LogRecord): void;
	/** Where there is one already; otherwise the one that the settings name is opened. */
	store?: SessionStore;
	/** The same for the log. */
	logger?: Logger;
	/** True of the one process that serves, which puts damaged facts right; others only say that they are damaged. */
	isServing?: boolean;
	/** Is told everything that happens in every session. */
	observe?(event: RuntimeEvent): void;
	/** What Aeon itself has to tell the people of a session, at the beginning of their next answer. */
	announce?(sessionKey: string): string[];
}

/** For so long what waits may still be sent at the end; the rest goes out after the next start. */
const SENDING_MS = 1_500;

const NOT_HIDDEN =
	"other processes of this user can read Aeon's memory and environment";

/** Opens everything that an Aeon of these settings needs. Throws `config_invalid` and `storage_failed`. */
export async function openAeon(
	settings: Settings,
	options: AppOptions,
): Promise<Aeon> {
	const state = stateDirectory(options.home);
	openStateDirectory(state);
	const isHidden = platform.hideProcess();
	const logger = options.logger ?? openLogger(settings, options);
	if (!isHidden && process.platform === "linux")
		logger.warn("process.visible", { reason: NOT_HIDDEN });
	const store = options.store ?? (await openStore(settings));
	const memory = createMemory(settings.memory, {
		settings: () => now.settings,
		store,
		logger,
		isServing: options.isServing ?? false,
	});
	let now = {
		settings,
		...openAgents(settings, state, logger, memory.of),
	};
	const dialogs = new Map<string, OpenDialog>();
	const runtime = new Runtime({
		store,
		agents: now.agents,
		memory: memory.recall,
		logger,
		...(options.observe && { observe: options.observe }),
		...(options.announce && { announce: options.announce }),
	});
	const mailbox = new Mailbox({ store, runtime, logger });
	const workspace = () => now.workspace;
	const parts = {
		runtime,
		store,
		mailbox,
		logger,
		dialogs,
		workspace,
		approvals: openApprovals(join(state, "approvals.json")),
		agents: () => now.agents,
		settings: () => now.settings,
		media: createMedia({
			dialogs,
			workspace,
			logger,
			settings: () => now.settings,
		}),
		observe: options.observe ?? (() => {}),
	};
	const stopDialogs = async () => {
		const stopped = [...dialogs.values()].map(({ provider }) =>
			provider.stop(),
		);
		await Promise.allSettled(stopped);
	};
	return {
		runtime,
		store,
		settings: () => now.settings,
		agents: () => now.agents,
		mailbox,
		memory: memory.facts,
		workspace,
		dialogs,
		addDialog(dialog) {
			const open = openDialog(dialog, parts);
			dialogs.set(dialog.name, open);
			return open.host;
		},
		reload(next) {
			now = {
				settings: next,
				...openAgents(next, state, logger, memory.of),
			};
			memory.facts.use(next.memory.embeddings);
			runtime.useAgents(now.agents);
		},
		stopDialogs,
		async close() {
			await runtime.stop();
			await stopDialogs();
			const hurry = AbortSignal.timeout(SENDING_MS);
			// What has not settled by then is taken up by the next start.
			await orAborted(mailbox.settled(), hurry).catch(() => {});
			for (const { outbox } of dialogs.values()) await outbox?.close(hurry);
			await memory.facts.close();
			await store.close();
			logger.close();
		},
	};
}

/** The log of these settings. */
function openLogger(
	settings: Settings,
	{ logLevel, warn }: AppOptions,
): Logger {
	return createLogger({
		path: settings.log_file_path,
		level: logLevel,
		secrets: collectSecrets(settings),
		stderr: warn,
	});
}
