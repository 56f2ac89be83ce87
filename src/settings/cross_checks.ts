// What is wrong with a configuration and no schema of one section can see.

import { asList, asRecord, isRecord } from "../core/json.ts";
import { didYouMean, type Problem } from "../core/problems.ts";
import { dialogDrivers } from "./dialogs_schema.ts";
import { exposedBy } from "./own_paths.ts";
import { AGENT_NAME_RULE, PROVIDERS } from "./schema.ts";

/** What no schema of one section can see: names that must exist elsewhere, keys that exclude each other. */
export function crossCheck(
	value: unknown,
	file: string | undefined,
	state: string,
): Problem[] {
	if (!isRecord(value)) return [];
	const { agents, dialogs, compaction, memory } = value;
	const workspace = exposedBy({ ...value, file }, state);
	return [
		...(isRecord(agents) ? crossCheckAgents(agents) : []),
		...(isRecord(dialogs) && isRecord(agents)
			? crossCheckDialogs(dialogs, Object.keys(agents))
			: []),
		...(isRecord(agents)
			? crossCheckWriter(compaction, Object.keys(agents))
			: []),
		...crossCheckPeople(asRecord(memory)?.users),
		...(workspace ? [workspace] : []),
	];
}

/** Who writes the summaries must be there. */
function crossCheckWriter(section: unknown, agents: string[]): Problem[] {
	const { agent } = asRecord(section) ?? {};
	if (typeof agent !== "string" || agents.includes(agent)) return [];
	return [
		{
			path: ["compaction", "agent"],
			what: `there is no agent ${JSON.stringify(agent)}`,
			instead: `agents are ${agents.join(", ")}`,
		},
	];
}

/** Nobody can be two people. */
function crossCheckPeople(users: unknown): Problem[] {
	const owners = new Map<unknown, string>();
	return Object.entries(asRecord(users) ?? {}).flatMap(([name, addresses]) =>
		asList(addresses).flatMap((address, index) => {
			const other = owners.get(address);
			if (other === undefined) {
				owners.set(address, name);
				return [];
			}
			return {
				path: ["memory", "users", name, String(index)],
				what: `${JSON.stringify(address)} is ${other} already`,
				instead: "write it under one name only",
			};
		}),
	);
}

/** Who answers in a dialog must be there. */
function crossCheckDialogs(
	dialogs: Record<string, unknown>,
	agents: string[],
): Problem[] {
	return Object.entries(dialogs).flatMap(([name, section]) => {
		const { agent } = asRecord(section) ?? {};
		if (typeof agent !== "string" || agents.includes(agent)) return [];
		return {
			path: ["dialogs", name, "agent"],
			what: `there is no agent ${JSON.stringify(agent)}`,
			instead: `agents are ${agents.join(", ")}`,
		};
	});
}

/** What a dialog cannot do without and does not have: lacking only where it is enabled. */
export function findMissingKeys(value: unknown): Problem[] {
	const dialogs = asRecord(asRecord(value)?.dialogs) ?? {};
	return Object.entries(dialogs).flatMap(([name, section]) => {
		const driver = Object.hasOwn(dialogDrivers, name) && dialogDrivers[name];
		const { enabled, ...keys } = asRecord(section) ?? {};
		if (!driver || enabled === undefined || enabled === false) return [];
		return driver.requiredKeys
			.filter((key) => keys[key] === undefined)
			.map((key) => ({
				path: ["dialogs", name, key],
				what: "is missing",
				instead: "write it, or set enabled to false",
			}));
	});
}

function crossCheckAgents(agents: Record<string, unknown>): Problem[] {
	if (Object.keys(agents).length === 0)
		return [
			{
				path: ["agents"],
				what: "has no agent in it",
				instead: 'write one, such as "main": { "provider": "demo" }',
			},
		];
	return Object.entries(agents).flatMap(([id, agent]) => {
		if (!isRecord(agent)) return [];
		const problems: Problem[] = [];
		// zod leaves this key out without a word.
		if (id === "__proto__")
			problems.push({ path: ["agents", id], what: AGENT_NAME_RULE });
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

/** Agents of a mistyped provider as agents of the one that was meant, so that all that is wrong with them is said, too. */
export function withKnownProviders(value: unknown): {
	value: unknown;
	problems: Problem[];
} {
	if (!isRecord(value) || !isRecord(value.agents))
		return { value, problems: [] };
	const problems: Problem[] = [];
	const agents = Object.entries(value.agents).map(([id, agent]) => {
		const provider = isRecord(agent) ? agent.provider : undefined;
		if (typeof provider !== "string" || PROVIDERS.includes(provider))
			return [id, agent];
		const meant = didYouMean(provider, PROVIDERS);
		if (!meant) return [id, agent];
		problems.push({
			path: ["agents", id, "provider"],
			what: `is ${JSON.stringify(provider)}`,
			instead: `did you mean "${meant}"?`,
		});
		return [id, { ...(agent as object), provider: meant }];
	});
	return { value: { ...value, agents: Object.fromEntries(agents) }, problems };
}
