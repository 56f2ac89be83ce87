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
import { isRecord } from "../core/json.ts";
import type { Problem } from "../core/problems.ts";
import { crossCheck, withKnownProviders } from "./cross_checks.ts";
import { DEFAULTS, type Settings, settingsSchema } from "./schema.ts";

/** What a command wants of the configuration. */
export interface SettingsRequest extends Surroundings {
	/** `--config`. */
	configFlag?: string | undefined;
	/** Every agent is the demo, whatever the configuration says. */
	demo?: boolean;
	/** The agent that is asked for, where there is a choice; `main`, else the first. */
	agent?: string | undefined;
	/**
	 * Which parts must be complete, variables and all: the agent with its fallbacks and what serves it, storage alone, every
	 * part that is enabled, or none.
	 */
	needs: "agent" | "storage" | "everything" | "nothing";
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
	const known = withKnownProviders(value);
	const checked = check(settingsSchema, known.value);
	const problems = [
		...known.problems,
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

/** The file's value with the defaults that have `~` in them, and with the demo in place of every agent where asked. */
function withDefaults(raw: unknown, { demo }: SettingsRequest): unknown {
	if (!isRecord(raw)) return raw;
	const section = (name: "storage" | "tools") => {
		const given = raw[name] ?? {};
		return isRecord(given) ? { ...DEFAULTS[name], ...given } : given;
	};
	return {
		log_file_path: DEFAULTS.log_file_path,
		...raw,
		storage: section("storage"),
		tools: section("tools"),
		...(demo && { agents: demoAgents(raw.agents) }),
	};
}

function demoAgents(agents: unknown): object {
	const ids = isRecord(agents) ? Object.keys(agents) : [];
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
	if (needs === "nothing" || !isRecord(value)) return false;
	if (needs === "storage") return section === "storage";
	if (section === "server") return needs === "everything";
	if (section === "dialogs") {
		const dialogs = isRecord(value.dialogs) ? value.dialogs : {};
		const dialog = dialogs[name ?? ""];
		const isEnabled = isRecord(dialog) && dialog.enabled === true;
		return needs === "everything" && isEnabled;
	}
	if (section !== "agents" || needs === "everything") return true;
	const agents = isRecord(value.agents) ? value.agents : {};
	const wanted = agent ?? defaultAgent(agents);
	const main = agents[wanted];
	const fallbacks =
		isRecord(main) && Array.isArray(main.fallbacks) ? main.fallbacks : [];
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
