// From the file and the environment to checked settings: defaults, substitution, and every problem at once.

import { join } from "node:path";
import {
	check,
	configDirectory,
	configError,
	findConfigFile,
	readJsonFile,
	type Surroundings,
	substitute,
	type UnsetVariable,
} from "../core/config.ts";
import type { Problem } from "../core/problems.ts";
import { exposedBy } from "./own_paths.ts";
import { type Settings, settingsSchema } from "./schema.ts";

/** What a command wants of the configuration. */
export interface SettingsRequest extends Surroundings {
	/** `--config`. */
	configFlag?: string | undefined;
	/** Every agent is the demo, whatever the configuration says. */
	demo?: boolean;
	/** The agent that is asked for, where there is a choice; `main`, else the first. */
	agent?: string | undefined;
	/** Which parts must be complete, variables and all: the agent and its fallbacks, every enabled part, or none. */
	needs: "agent" | "everything" | "nothing";
}

/** A configuration before it is filled in and checked, and what a person should know of how it came about. */
interface Unchecked {
	raw: unknown;
	notice?: string;
}

/** The id of the agent that answers where nobody names one. */
export function defaultAgent(agents: Record<string, unknown>): string {
	return Object.hasOwn(agents, "main")
		? "main"
		: (Object.keys(agents)[0] ?? "main");
}

/** The state directory: token, history, approvals, and by default everything else. */
export function stateDirectory(home: string): string {
	return join(home, ".aeon");
}

/** Reads, fills in and checks the configuration. Throws `config_invalid` with every problem at once. */
export async function loadSettings(
	request: SettingsRequest,
): Promise<Settings> {
	const file = findConfigFile(request, request.configFlag);
	const read = file ? await readJsonFile(file) : {};
	const chosen: Unchecked = file ? { raw: read } : withoutFile(request);
	const raw = withDefaults(chosen.raw, request);
	const directory = configDirectory(file, request.cwd);
	const { value, unset } = substitute(raw, { ...request, directory });
	const checked = check(settingsSchema, value);
	const problems = [
		...checked.problems,
		...unset.filter((one) => isNeeded(one, value, request)).map(describeUnset),
		...crossCheck(value, file, stateDirectory(request.home)),
	];
	if (!("value" in checked) || problems.length > 0)
		throw configError(file, problems);
	const settings = checked.value as unknown as Settings;
	return { ...settings, file, ...(chosen.notice && { notice: chosen.notice }) };
}

/** The configuration where there is no file: the provider whose key is in the environment, else the demo. */
function withoutFile({ env, demo }: SettingsRequest): Unchecked {
	const agent = (section: object) => ({ raw: { agents: { main: section } } });
	if (env.ANTHROPIC_API_KEY)
		return agent({
			provider: "anthropic",
			model: "claude-sonnet-4-20250514",
			api_key: `\${ANTHROPIC_API_KEY}`,
		});
	if (env.OPENAI_API_KEY)
		return agent({
			provider: "openai",
			model: "gpt-4.1",
			api_key: `\${OPENAI_API_KEY}`,
		});
	const notice = demo
		? undefined
		: "No model is set up, so the built-in demo answers. Set ANTHROPIC_API_KEY or OPENAI_API_KEY, or write ~/.aeon/aeon.json, to talk to a real one.";
	return { ...agent({ provider: "demo" }), ...(notice && { notice }) };
}

/** The file's value with the defaults that need a home directory, and with the demo in place of every agent where asked. */
function withDefaults(raw: unknown, { demo, home }: SettingsRequest): unknown {
	if (!isObject(raw)) return raw;
	const state = stateDirectory(home);
	const section = (name: string, defaults: object) => {
		const given = raw[name] ?? {};
		return isObject(given) ? { ...defaults, ...given } : given;
	};
	return {
		log_file_path: join(state, "logs", "aeon.log"),
		...raw,
		storage: section("storage", {
			driver: "sqlite",
			sessions_db: join(state, "sessions.db"),
			directory: join(state, "sessions"),
		}),
		tools: section("tools", { workspace: join(state, "workspace") }),
		...(demo && { agents: demoAgents(raw.agents) }),
	};
}

function demoAgents(agents: unknown): object {
	const ids = isObject(agents) ? Object.keys(agents) : [];
	return Object.fromEntries(
		(ids.length > 0 ? ids : ["main"]).map((id) => [id, { provider: "demo" }]),
	);
}

/** True of a variable in a part that the command uses. */
function isNeeded(
	{ path: [section, name] }: UnsetVariable,
	value: unknown,
	{ needs, agent }: SettingsRequest,
): boolean {
	if (needs === "nothing") return false;
	if (!isObject(value)) return false;
	if (section === "dialogs" || section === "server") {
		const part =
			section === "dialogs" &&
			isObject(value.dialogs) &&
			value.dialogs[name ?? ""];
		return (
			needs === "everything" &&
			(section === "server" || (isObject(part) && part.enabled === true))
		);
	}
	if (section !== "agents" || needs === "everything") return true;
	const agents = isObject(value.agents) ? value.agents : {};
	const wanted = agent ?? defaultAgent(agents);
	const main = agents[wanted];
	const fallbacks =
		isObject(main) && Array.isArray(main.fallbacks) ? main.fallbacks : [];
	return name === wanted || fallbacks.includes(name);
}

function describeUnset({ path, name }: UnsetVariable): Problem {
	const isKey = path.at(-1) === "api_key";
	return {
		path,
		what: `\${${name}} is not set in the environment`,
		instead: `set ${name}${isKey ? ", or try --demo" : `, or write \${${name}:-default}`}`,
	};
}

/** What no schema of one section can see: names that must exist elsewhere, keys that exclude each other. */
function crossCheck(
	value: unknown,
	file: string | undefined,
	state: string,
): Problem[] {
	if (!isObject(value)) return [];
	const agents = isObject(value.agents) ? value.agents : {};
	const workspace = exposedBy({ ...value, file }, state);
	return [...crossCheckAgents(agents), ...(workspace ? [workspace] : [])];
}

function crossCheckAgents(agents: Record<string, unknown>): Problem[] {
	return Object.entries(agents).flatMap(([id, agent]) => {
		if (!isObject(agent)) return [];
		const problems: Problem[] = [];
		const fallbacks = Array.isArray(agent.fallbacks) ? agent.fallbacks : [];
		fallbacks.forEach((name, index) => {
			if (
				typeof name === "string" &&
				name !== id &&
				Object.hasOwn(agents, name)
			)
				return;
			problems.push({
				path: ["agents", id, "fallbacks", String(index)],
				what:
					name === id
						? "is the agent itself"
						: `there is no agent ${JSON.stringify(name)}`,
				instead: `agents are ${Object.keys(agents).join(", ")}`,
			});
		});
		if (
			agent.system_prompt !== undefined &&
			agent.system_prompt_file !== undefined
		)
			problems.push({
				path: ["agents", id, "system_prompt_file"],
				what: "stands beside system_prompt",
				instead: "keep one of the two",
			});
		return problems;
	});
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
