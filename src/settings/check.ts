// A configuration against its schema, where variables of parts that nobody needs may be unset.

import type * as z from "zod/mini";
import type { Template } from "../core/config.ts";
import { isRecord } from "../core/json.ts";
import { describeIssues, type Problem, valueAt } from "../core/problems.ts";

/** What a check came to. */
export interface Checked<Value> {
	/** The typed value; none where there are problems. */
	value: Value | undefined;
	problems: Problem[];
	/** The templates that do not fit where they stand. */
	unfit: Template[];
}

/**
 * A value checked against a schema: the typed value, or every problem with it. A template whose variables are unset is no
 * problem. Where the schema does not take it as it is written, the default stands in its place; where there is none, the
 * section that it belongs to is left out.
 */
export function check<Schema extends z.ZodMiniType>(
	schema: Schema,
	given: unknown,
	templates: Template[] = [],
	defaults: unknown = {},
): Checked<z.output<Schema>> {
	const value = structuredClone(given);
	const unfit = new Set<Template>();
	for (;;) {
		const result = schema.safeParse(value);
		if (result.success)
			return { value: result.data, problems: [], unfit: [...unfit] };
		const { issues } = result.error;
		const numeric = issues.filter(
			(issue) =>
				issue.code === "invalid_type" &&
				issue.expected === "number" &&
				replaceByNumber(value, issue.path),
		);
		if (numeric.length > 0) continue;
		const excused = new Map(
			issues.flatMap((issue) => {
				const template = templates.find(
					({ path, unset }) =>
						unset.length > 0 && path.join("\n") === issue.path.join("\n"),
				);
				return template ? [[issue, template] as const] : [];
			}),
		);
		for (const template of excused.values()) unfit.add(template);
		const mistakes = issues.filter((issue) => !excused.has(issue));
		// What is left out takes other mistakes with it: those are told first.
		const isMended =
			mistakes.length === 0 &&
			[...excused.values()].filter((template) =>
				replaceUnset(value, template, defaults),
			).length > 0;
		if (isMended) continue;
		const wrong = mistakes.length > 0 ? mistakes : issues;
		const problems = describeIssues(schema, value, wrong);
		return { value: undefined, problems, unfit: [...unfit] };
	}
}

/** An environment variable is always text: where a number is wanted, numeric text becomes one, in place. */
function replaceByNumber(root: unknown, path: PropertyKey[]): boolean {
	const text = valueAt(root, path);
	if (typeof text !== "string" || !/^-?\d+(\.\d+)?$/.test(text)) return false;
	put(root, path, Number(text));
	return true;
}

/**
 * The next thing to try in place of a template that does not fit: itself where it came out empty, then the default, then
 * its section left out. False where there is nothing more to try.
 */
function replaceUnset(
	root: unknown,
	{ path, text }: Template,
	defaults: unknown,
): boolean {
	const now = valueAt(root, path);
	const next = now === "" ? text : valueAt(defaults, path);
	if (next !== now) put(root, path, next);
	else if (path.length > 1) put(root, path.slice(0, -1), undefined);
	else return false;
	return true;
}

/** Puts a value at a path, in place; undefined takes away what is there. */
export function put(root: unknown, path: PropertyKey[], value: unknown): void {
	const parent = valueAt(root, path.slice(0, -1));
	const key = path.at(-1) as string;
	if (Array.isArray(parent)) parent[Number(key)] = value;
	else if (!isRecord(parent)) return;
	else if (value === undefined) delete parent[key];
	else parent[key] = value;
}
