// The parts put together: checked settings in, a running Aeon out. The only file that opens drivers.

import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Agent, ToolRun } from "./agent/agent.ts";
import { systemPrompt } from "./agent/prompt.ts";
import { Runtime } from "./agent/runtime.ts";
import { runSlash } from "./agent/slash.ts";
import type { ApprovalRequest, Decision } from "./core/approval.ts";
import { createConfinement } from "./core/confinement.ts";
import { AeonError, describeError } from "./core/errors.ts";
import {
	createLogger,
	type Logger,
	type LogLevel,
	type LogRecord,
} from "./core/logger.ts";
import { platform } from "./core/platform.ts";
import { collectSecrets } from "./core/secret.ts";
import { parseSessionKey } from "./core/session.ts";
import type { DialogHost, DialogProvider } from "./dialogs/provider.ts";
import type { LlmClient, LlmDriver } from "./llm/client.ts";
import * as providers from "./llm/registry.ts";
import { withFallbacks, withRetry } from "./llm/retry.ts";
import { ownPaths } from "./settings/own_paths.ts";
import { readPersona } from "./settings/persona.ts";
import type { AgentSettings, Settings } from "./settings/schema.ts";
import { stateDirectory } from "./settings/settings.ts";
import * as stores from "./storage/registry.ts";
import type { SessionStore, StoreDriver } from "./storage/store.ts";
import { type Approvals, openApprovals } from "./tools/approvals.ts";
import { offerTools, runTool, toolSpecs } from "./tools/catalog.ts";
import type { ToolContext } from "./tools/tool.ts";
import { openWorkspace } from "./tools/workspace.ts";

/** A running Aeon. */
export interface Aeon {
	runtime: Runtime;
	store: SessionStore;
	/** Makes a dialog known, and gives what it is started with: what is said through it is shown, asked and sent in it. */
	addDialog(dialog: DialogProvider): DialogHost;
	/** Stops every turn and dialog and closes the store. */
	close(): Promise<void>;
}

/** What the command line adds to the settings. */
export interface AppOptions {
	/** Whose state directory holds what is not in the settings. */
	home: string;
	logLevel: LogLevel;
	/** Where warnings are shown to the person at the terminal. */
	warn(line: string, record?: LogRecord): void;
}

/** Where the tools of every agent work. */
type ToolPlace = Pick<ToolContext, "workspace" | "confine">;

const NOT_HIDDEN =
	"other processes of this user can read Aeon's memory and environment";

const NOT_CONFINED =
	"this system has neither Landlock nor user namespaces, so commands can reach Aeon's own files";

/** Opens everything that an Aeon of these settings needs. Throws `config_invalid` and `storage_failed`. */
export async function openAeon(
	settings: Settings,
	options: AppOptions,
): Promise<Aeon> {
	const state = stateDirectory(options.home);
	openStateDirectory(state);
	const isHidden = platform.hideProcess();
	const logger = openLogger(settings, options);
	if (!isHidden && process.platform === "linux")
		logger.warn("process.visible", { reason: NOT_HIDDEN });
	const store = await openStore(settings);
	const workspace = openWorkspace(settings.tools.workspace);
	const confine = createConfinement(
		{
			workspace: workspace.root,
			protectedPaths: ownPaths(settings, state),
		},
		() => logger.warn("exec.unconfined", { reason: NOT_CONFINED }),
	);
	const agents = openAgents(settings, { workspace, confine });
	const dialogs: DialogProvider[] = [];
	const approvals = openApprovals(join(state, "approvals.json"));
	const runtime = new Runtime({ store, agents, logger });
	return {
		runtime,
		store,
		addDialog(dialog) {
			dialogs.push(dialog);
			return {
				receive(message) {
					const { sessionKey } = message;
					const { userId } = parseSessionKey(sessionKey);
					return runtime.submit(message, {
						tell: (event) => dialog.show?.(userId, event),
						approve: (request, signal) =>
							approve(dialog, approvals, sessionKey, request, signal),
						send: (outbound) => send(dialog, sessionKey, outbound),
					});
				},
				cancel: (sessionKey) => runtime.cancel(sessionKey),
				async command(line, context) {
					const parts = { runtime, store, agents };
					const reply = await runSlash(line, parts, context);
					const unusable = settings.unusable.get(reply?.model ?? "");
					return unusable ? { text: unusable } : reply;
				},
			};
		},
		async close() {
			await runtime.stop();
			for (const dialog of dialogs) await dialog.stop();
			await store.close();
			logger.close();
		},
	};
}

/** Opens the store alone, for the commands that only read and tidy sessions. */
export function openStore({ storage }: Settings): Promise<SessionStore> {
	const drivers: Record<string, StoreDriver> = stores;
	const driver = drivers[storage.driver] as StoreDriver;
	// The section was checked against the options of this very driver.
	return driver.open(storage as never);
}

/** Makes the state directory its owner's alone, also where the owner made it with mkdir. */
function openStateDirectory(path: string): void {
	try {
		mkdirSync(path, { recursive: true, mode: 0o700 });
		chmodSync(path, 0o700);
	} catch (error) {
		throw new AeonError(
			"storage_failed",
			`The state directory ${path} cannot be used: ${describeError(error)}`,
			{ cause: error, hint: "HOME says where it lies." },
		);
	}
}

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

function openAgents(settings: Settings, place: ToolPlace): Map<string, Agent> {
	const models = new Map<string, LlmClient>();
	for (const [id, section] of Object.entries(settings.agents))
		models.set(id, openModel(section, settings.unusable.get(id)));
	return new Map(
		Object.entries(settings.agents).map(([id, section]) => [
			id,
			openAgent(id, section, settings, models, place),
		]),
	);
}

function openModel(section: AgentSettings, unusable?: string): LlmClient {
	if (unusable) return refuse(section, unusable);
	const drivers: Record<string, LlmDriver> = providers;
	const driver = drivers[section.provider] as LlmDriver;
	// The section was checked against the options of this very driver.
	return withRetry(driver.create(section as never));
}

/** The model of an agent that cannot be used: it says why, and nothing is sent. */
function refuse({ provider, model }: AgentSettings, reason: string): LlmClient {
	return {
		label: `${provider}/${model}`,
		contextWindow: Number.POSITIVE_INFINITY,
		maxAnswerTokens: 0,
		streamCompletion() {
			throw new AeonError("llm_rejected", reason, {
				hint: "aeon config check says what to write instead.",
			});
		},
	};
}

function openAgent(
	id: string,
	section: AgentSettings,
	settings: Settings,
	models: Map<string, LlmClient>,
	place: ToolPlace,
): Agent {
	const isUsable = !settings.unusable.has(id);
	const tools = offerTools(section.tools, settings.tools);
	const names = isUsable ? [id, ...section.fallbacks] : [id];
	const [own, ...fallbacks] = names.map(
		(name) => models.get(name) as LlmClient,
	);
	return {
		id,
		llm: withFallbacks([own as LlmClient, ...fallbacks]),
		system: systemPrompt(isUsable ? readPersona(section) : undefined),
		toolSpecs: toolSpecs(tools),
		runTool: (call, run: ToolRun) =>
			runTool(tools, call, { ...run, ...place, options: settings.tools }),
		historyLimit: section.history_limit,
		maxToolCalls: section.max_tool_calls,
		maxTurnMs: section.max_turn_seconds * 1000,
	};
}

/** A person's word on a command: one given before to exactly this one, else the dialog's. */
async function approve(
	dialog: DialogProvider,
	approvals: Approvals,
	sessionKey: string,
	request: ApprovalRequest,
	signal: AbortSignal,
): Promise<Decision> {
	if (approvals.isAllowed(sessionKey, request)) return "always";
	const { userId } = parseSessionKey(sessionKey);
	const decision = (await dialog.approve?.(userId, request, signal)) ?? "deny";
	if (decision === "always") await approvals.allow(sessionKey, request);
	return decision;
}

/** Sends what a tool wants sent. A session may write to its own chat only, which is where it was spoken in. */
async function send(
	provider: DialogProvider,
	sessionKey: string,
	message: Parameters<ToolRun["send"]>[0],
): Promise<string> {
	const own = parseSessionKey(sessionKey);
	const { dialog = own.dialog, to = own.userId, text } = message;
	if (dialog !== own.dialog || to !== own.userId)
		throw new AeonError(
			"not_found",
			`${dialog}:${to} may not be written to from here: leave out dialog and to, and it goes to this chat`,
		);
	await provider.send(to, { text });
	return `${dialog}:${to}`;
}
