// Who an agent is, in the owner's words: written in aeon.json or in a file of its own.

import { isAbsolute } from "node:path";
import { readTextFile } from "../core/config.ts";
import { AeonError, describeError } from "../core/errors.ts";
import { asRecord, asText } from "../core/json.ts";
import type { Problem } from "../core/problems.ts";

/** A system prompt is sent with every request: what is larger is another file. */
const MAX_PROMPT_SIZE = 100_000;

/** The text that says who an agent is; undefined where it has none of its own. Throws `config_invalid`. */
export function readPersona(agent: {
	system_prompt?: string | undefined;
	system_prompt_file?: string | undefined;
}): string | undefined {
	const { system_prompt, system_prompt_file: file } = agent;
	if (!file) return system_prompt;
	try {
		return readTextFile(file, MAX_PROMPT_SIZE);
	} catch (error) {
		throw new AeonError(
			"config_invalid",
			`${file} cannot be read (${describeError(error)})`,
			{ cause: error, hint: "system_prompt_file of the agent names it." },
		);
	}
}

/** The agents' files that cannot be read. Of what is no whole path the schema complains. */
export function findMissingPersonas(
	agents: Record<string, unknown>,
): Problem[] {
	return Object.entries(agents).flatMap(([id, agent]) => {
		const file = asText(asRecord(agent)?.system_prompt_file);
		if (!isAbsolute(file)) return [];
		try {
			readPersona({ system_prompt_file: file });
			return [];
		} catch (error) {
			const problem = {
				path: ["agents", id, "system_prompt_file"],
				what: describeError(error),
				instead: "write the path of a text file that is there",
			};
			return [problem];
		}
	});
}
