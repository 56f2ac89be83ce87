// The agents of a configuration: their models and tools opened by its words. Opens nothing that has to be closed.

import type { Agent, ToolRun } from "./agent/agent.ts";
import { systemPrompt } from "./agent/prompt.ts";
import { createConfinement } from "./core/confinement.ts";
import { AeonError } from "./core/errors.ts";
import type { Logger } from "./core/logger.ts";
import type { UserMemory } from "./core/memory.ts";
import type { LlmClient, LlmDriver } from "./llm/client.ts";
import * as providers from "./llm/registry.ts";
import { withFallbacks, withRetry } from "./llm/retry.ts";
import { ownPaths } from "./settings/own_paths.ts";
import { readPersona } from "./settings/persona.ts";
import type { AgentSettings, Settings } from "./settings/schema.ts";
import { offerTools, runTool, toolSpecs } from "./tools/catalog.ts";
import type { ToolContext } from "./tools/tool.ts";
import { openWorkspace } from "./tools/workspace.ts";

/** Where the tools of every agent work. */
type ToolPlace = Pick<ToolContext, "workspace" | "confine"> & {
	/** Whose memory a session uses. */
	memoryOf(sessionKey: string): UserMemory;
};

const NOT_CONFINED =
	"this system has neither Landlock nor user namespaces, so commands can reach Aeon's own files";

/** The agents of these settings by their ids, and the workspace that their tools share. */
export function openAgents(
	settings: Settings,
	state: string,
	logger: Logger,
	memoryOf: ToolPlace["memoryOf"],
): { agents: Map<string, Agent>; workspace: ToolContext["workspace"] } {
	const workspace = openWorkspace(settings.tools.workspace);
	const confine = createConfinement(
		{
			workspace: workspace.root,
			protectedPaths: ownPaths(settings, state),
		},
		() => logger.warn("exec.unconfined", { reason: NOT_CONFINED }),
	);
	const agents = createAgents(settings, { workspace, confine, memoryOf });
	return { agents, workspace };
}

function createAgents(
	settings: Settings,
	place: ToolPlace,
): Map<string, Agent> {
	const models = new Map<string, LlmClient>();
	for (const [id, section] of Object.entries(settings.agents))
		models.set(id, openModel(section, settings.unusable.get(id)));
	const llms = new Map(
		Object.entries(settings.agents).map(([id, section]) => {
			const model = (name: string) => models.get(name) as LlmClient;
			const fallbacks = isUsable(id, settings) ? section.fallbacks : [];
			return [id, withFallbacks([model(id), ...fallbacks.map(model)])];
		}),
	);
	return new Map(
		Object.entries(settings.agents).map(([id, section]) => [
			id,
			openAgent(id, section, settings, llms, place),
		]),
	);
}

function isUsable(id: string, { unusable }: Settings): boolean {
	return !unusable.has(id);
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
	llms: ReadonlyMap<string, LlmClient>,
	{ memoryOf, ...place }: ToolPlace,
): Agent {
	const tools = offerTools(section.tools, settings.tools);
	const llm = llms.get(id) as LlmClient;
	const { at, agent: writer } = settings.compaction;
	// Made at the first question: they are megabytes, of which an idle Aeon has no need.
	let specs: Agent["toolSpecs"] | undefined;
	return {
		id,
		llm,
		system: systemPrompt(
			isUsable(id, settings) ? readPersona(section) : undefined,
		),
		get toolSpecs() {
			specs ??= toolSpecs(tools);
			return specs;
		},
		runTool: (call, run: ToolRun) =>
			runTool(tools, call, {
				...run,
				...place,
				memory: memoryOf(run.sessionKey),
				options: settings.tools,
			}),
		compaction: {
			at,
			llm:
				writer !== undefined && isUsable(writer, settings)
					? (llms.get(writer) ?? llm)
					: llm,
		},
		historyLimit: section.history_limit,
		maxToolCalls: section.max_tool_calls,
		maxTurnMs: section.max_turn_seconds * 1000,
	};
}
