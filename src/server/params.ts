// A request's parameters against the schema of its method, and what is wrong with them in words.

import type * as z from "zod/mini";
import { describeIssues } from "../core/problems.ts";
import { invalidRequest } from "./failure.ts";

/** The checked parameters. Throws INVALID_REQUEST, whose message names what is missing or wrong. */
export function checkParams<Schema extends z.ZodMiniType>(
	schema: Schema,
	params: unknown,
): z.output<Schema> {
	const result = schema.safeParse(params);
	if (result.success) return result.data;
	const { issues } = result.error;
	const missing = issues.find((issue) => isMissing(issue, params));
	if (missing)
		throw invalidRequest(
			`Missing required parameter '${missing.path.join(".")}'`,
			{ parameter: missing.path.join(".") },
		);
	const [problem] = describeIssues(schema, params, issues);
	if (!problem) throw invalidRequest("The parameters make no sense");
	const parameter = problem.path.join(".");
	throw invalidRequest(
		problem.what === "unknown key"
			? [`Unknown parameter '${parameter}'`, problem.instead]
					.filter(Boolean)
					.join(": ")
			: [`Parameter '${parameter}' ${problem.what}`, problem.instead]
					.filter(Boolean)
					.join(": "),
		{ parameter },
	);
}

function isMissing({ code, path }: z.core.$ZodIssue, params: unknown): boolean {
	if (
		code !== "invalid_type" &&
		code !== "invalid_value" &&
		code !== "invalid_union"
	)
		return false;
	let here = params;
	for (const key of path) {
		if (typeof here !== "object" || here === null) return false;
		if (!Object.hasOwn(here, key)) return true;
		here = (here as Record<PropertyKey, unknown>)[key];
	}
	return false;
}
