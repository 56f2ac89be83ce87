// Which parts of a configuration a command uses, and what is lacking in them and in the others.

import type { Template } from "../core/config.ts";
import { asList, asRecord } from "../core/json.ts";
import type { Problem } from "../core/problems.ts";

/** What a command uses. */
export interface Needs {
	/**
	 * Which parts must be complete, variables and all: the agent with its fallbacks and what serves it, storage alone, every
	 * part that is enabled, or none.
	 */
	needs: "agent" | "storage" | "everything" | "nothing";
	/** The agent that is asked for. */
	agent: string;
}

/** True of a place in a part that the command uses. */
export function isNeeded(
	[section, name = ""]: string[],
	value: unknown,
	{ needs, agent }: Needs,
): boolean {
	if (needs === "nothing") return false;
	if (needs === "storage") return section === "storage";
	const all = needs === "everything";
	if (section === "server") return all;
	const part = asRecord(asRecord(value)?.[section ?? ""]);
	if (section === "dialogs") {
		const { enabled } = asRecord(part?.[name]) ?? { enabled: true };
		return all && enabled !== undefined && enabled !== false;
	}
	if (section !== "agents" || all || !part) return true;
	const fallbacks = asList(asRecord(part[agent])?.fallbacks);
	return name === agent || fallbacks.includes(name);
}

/** The problems of a template in a part that is needed: its variables are to be set. */
export function describeUnset({ path, unset }: Template): Problem[] {
	const isKey = path[0] === "agents" && path.at(-1) === "api_key";
	return unset.map((name) => ({
		path,
		what: `\${${name}} is not set in the environment`,
		instead: `set ${name} there or in ~/.aeon/secrets.env${isKey ? ", or try --demo" : `, or write \${${name}:-default}`}`,
	}));
}

/** Of the agents that something is lacking to, the sentence that says what: by their ids. */
export function describeUnusable(problems: Problem[]): Map<string, string> {
	const ofAgents = problems.filter(({ path }) => path[0] === "agents");
	const byId = Map.groupBy(ofAgents, ({ path }) => path[1] ?? "");
	return new Map(
		[...byId].map(([id, lacks]) => {
			const all = lacks.map(
				({ path, what }) =>
					`${[path.slice(2).join("."), what].filter(Boolean).join(": ")}`,
			);
			return [id, `The agent "${id}" cannot be used: ${all.join("; ")}`];
		}),
	);
}
