// Everything that is wrong with a configuration: what stops the command, and what only makes agents unusable.

import type { Template } from "../core/config.ts";
import { asRecord } from "../core/json.ts";
import type { Problem } from "../core/problems.ts";
import { check } from "./check.ts";
import {
	crossCheck,
	findMissingKeys,
	withKnownProviders,
} from "./cross_checks.ts";
import {
	describeUnset,
	describeUnusable,
	isNeeded,
	type Needs,
} from "./needs.ts";
import { findMissingPersonas } from "./persona.ts";
import { settingsSchema } from "./schema.ts";

/** A configuration with its variables filled in, and where it is from. */
export interface Filled {
	value: unknown;
	templates: Template[];
	/** What stands in place of a template that does not fit. */
	defaults: unknown;
	file: string | undefined;
	state: string;
}

/** What a review came to. */
export interface Review {
	/** What the schema makes of the configuration; none where it is wrong. */
	sections: unknown;
	/** What stops the command; all of it. */
	problems: Problem[];
	/** Of the agents that the command can do without and that lack something, the sentence that says what: by their ids. */
	unusable: Map<string, string>;
}

/**
 * Tells mistakes, which always stop a command, from what is lacking: unset variables and unreadable files, which stop it
 * in the parts that it needs. At the place of an unset variable nothing else is said.
 */
export function review(filled: Filled, needs: Needs): Review {
	const { value, templates, defaults, file, state } = filled;
	const known = withKnownProviders(value);
	const checked = check(settingsSchema, known.value, templates, defaults);
	const cross = crossCheck(value, file, state);
	const misfits = [...known.problems, ...cross];
	const unset = templates.filter(
		(one) =>
			one.isOpen ||
			checked.unfit.includes(one) ||
			(one.unset.length > 0 && misfits.some((misfit) => isAt(one, misfit))),
	);
	const isWritten = (problem: Problem) =>
		!unset.some((one) => isAt(one, problem));
	const agents = asRecord(asRecord(value)?.agents) ?? {};
	const lacks = [
		...unset.flatMap(describeUnset),
		...findMissingPersonas(agents).filter(isWritten),
		...findMissingKeys(value).filter(isWritten),
	];
	const needed = lacks.filter(({ path }) => isNeeded(path, value, needs));
	return {
		sections: checked.value,
		problems: [
			...known.problems.filter(isWritten),
			...checked.problems,
			...needed,
			...cross.filter(isWritten),
		],
		unusable: describeUnusable(lacks.filter((one) => !needed.includes(one))),
	};
}

function isAt(template: Template, problem: Problem): boolean {
	return template.path.join("\n") === problem.path.join("\n");
}
