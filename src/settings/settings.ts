// From the file and the environment to checked settings: defaults, substitution, and every problem at once.

import {
	configDirectory,
	configError,
	findConfigFile,
	readJsonFile,
	type Surroundings,
	substitute,
	type Template,
} from "../core/config.ts";
import { asRecord, isRecord } from "../core/json.ts";
import { stateDirectory } from "../core/paths.ts";
import { findSecretsFile, withSecrets } from "../core/secrets_file.ts";
import type { Needs } from "./needs.ts";
import { review } from "./review.ts";
import {
	type AgentSettings,
	bareAgent,
	DEFAULTS,
	type Settings,
} from "./schema.ts";

/** What a command wants of the configuration. */
export interface SettingsRequest extends Surroundings, Pick<Needs, "needs"> {
	/** `--config`. */
	configFlag?: string | undefined;
	/** Where the file is going to lie, where that is not where it is read: paths are told from there, and problems by that name. */
	place?: string;
	/** Every agent is the demo, whatever the configuration says. */
	demo?: boolean;
	/** The agent that is asked for, where there is a choice; `main`, else the first. */
	agent?: string | undefined;
}

/** Checked settings, and what they were made of. */
export interface Reading {
	settings: Settings;
	/** As the file has it, before anything is filled in. */
	raw: unknown;
	templates: Template[];
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

/** Reads, fills in and checks the configuration. Throws `config_invalid` with every problem at once. */
export async function loadSettings(
	request: SettingsRequest,
): Promise<Settings> {
	return (await readSettings(request)).settings;
}

/** The same, with what the settings were made of. The secrets file is read each time. */
export async function readSettings(given: SettingsRequest): Promise<Reading> {
	const request = { ...given, env: withSecrets(given.env, given.home) };
	const found = findConfigFile(request, request.configFlag);
	const read = found ? await readJsonFile(found) : {};
	const file = request.place ?? found;
	const { raw, notice }: Unchecked = file
		? { raw: read }
		: withoutFile(request);
	const directory = configDirectory(file, request.cwd);
	const fill = (part: unknown) => substitute(part, { ...request, directory });
	const { value, templates } = fill(withDefaults(raw, request));
	const agents = asRecord(asRecord(value)?.agents) ?? {};
	const { sections, problems, unusable } = review(
		{
			value,
			templates,
			defaults: fill(DEFAULTS).value,
			file,
			state: stateDirectory(request.home),
		},
		{ needs: request.needs, agent: request.agent ?? defaultAgent(agents) },
	);
	if (sections === undefined || problems.length > 0)
		throw configError(file, problems);
	const checked = sections as Settings;
	const secretsFile = findSecretsFile(given.env, given.home);
	const settings = {
		...checked,
		file,
		...(secretsFile !== undefined && { secretsFile }),
		agents: withBareAgents(checked.agents, agents),
		unusable,
		...(notice && { notice }),
	};
	return { settings, raw, templates };
}

/** The configuration where there is no file: the provider whose key is in the environment, else the demo. */
function withoutFile({ env, demo }: SettingsRequest): Unchecked {
	const agent = (section: object) => ({ raw: { agents: { main: section } } });
	if (env.ANTHROPIC_API_KEY)
		return agent({
			provider: "anthropic",
			model: "claude-sonnet-5",
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
	const section = (name: "storage" | "memory" | "backups" | "tools") => {
		const given = raw[name] ?? {};
		return isRecord(given) ? { ...DEFAULTS[name], ...given } : given;
	};
	return {
		log_file_path: DEFAULTS.log_file_path,
		...raw,
		storage: section("storage"),
		memory: section("memory"),
		backups: section("backups"),
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

/** Every agent of the file, in its order: of those whose section cannot be completed, what there is. */
function withBareAgents(
	checked: Record<string, AgentSettings>,
	written: Record<string, unknown>,
): Record<string, AgentSettings> {
	return Object.fromEntries(
		Object.entries(written).map(([id, section]) => [
			id,
			(Object.hasOwn(checked, id) && checked[id]) || bareAgent(section),
		]),
	);
}
