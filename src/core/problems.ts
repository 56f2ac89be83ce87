// A schema's complaints about a configuration, in words: where, what is wrong, what to write instead.

import { closest, distance } from "fastest-levenshtein";
import * as z from "zod/mini";
import { createRedactor } from "./redact.ts";

/** One thing that is wrong with a configuration. */
export interface Problem {
	/** The keys from the root to the place. */
	path: string[];
	what: string;
	instead?: string;
}

type Issue = z.core.$ZodIssue;

/** A wrong value is shown, and may be a URL with a password or a key in the wrong place. */
const hideSecrets = createRedactor([]);

/** The part of a JSON Schema that a message needs. */
interface Shape {
	description?: string;
	type?: string;
	format?: string;
	const?: unknown;
	properties?: Record<string, Shape>;
	additionalProperties?: Shape | false;
	items?: Shape;
	oneOf?: Shape[];
	anyOf?: Shape[];
}

/** Kinds of values, by the words of zod and of JSON Schema. */
const KINDS: Record<string, string> = {
	string: "a text in quotes",
	number: "a number",
	int: "a whole number",
	integer: "a whole number",
	boolean: "true or false",
	object: "an object { … }",
	record: "an object { … }",
	array: "a list [ … ]",
	uri: "a URL, http://… or https://…",
};

/** Every issue of a failed check as a problem; an unknown key is one of its own. */
export function describeIssues(
	schema: z.ZodMiniType,
	value: unknown,
	issues: readonly Issue[],
): Problem[] {
	const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
	return issues.flatMap((issue) => describeIssue(root as Shape, value, issue));
}

/** The word of a list that was probably meant, where one is near enough to be a slip of the finger. */
export function didYouMean(word: string, known: string[]): string | undefined {
	if (known.length === 0) return undefined;
	const guess = closest(word, known);
	return isSlip(word, guess) ? guess : undefined;
}

/** What stands at a path in a value; undefined where the path leads nowhere. */
export function valueAt(root: unknown, path: PropertyKey[]): unknown {
	return path.reduce<unknown>(
		(node, key) =>
			typeof node === "object" && node !== null && Object.hasOwn(node, key)
				? (node as Record<PropertyKey, unknown>)[key]
				: undefined,
		root,
	);
}

function describeIssue(root: Shape, value: unknown, issue: Issue): Problem[] {
	const path = issue.path.map(String);
	const here = valueAt(value, path);
	const shape = shapeAt(root, value, path);
	switch (issue.code) {
		case "unrecognized_keys": {
			const known = Object.keys(shape?.properties ?? {});
			return issue.keys.map((key) => {
				const guess = didYouMean(key, known);
				return {
					path: [...path, key],
					what: "unknown key",
					instead: guess
						? `did you mean "${guess}"?`
						: `known are ${known.join(", ")}`,
				};
			});
		}
		case "invalid_type": {
			const wanted = kindOf(shape) ?? KINDS[issue.expected] ?? issue.expected;
			const what =
				here === undefined ? "is missing" : `is ${show(here)}, not ${wanted}`;
			return [{ path, what, instead: write(wanted, shape) }];
		}
		case "invalid_value":
			return [oneOf(path, here, issue.values.map(String))];
		case "invalid_union": {
			if ("options" in issue && Array.isArray(issue.options))
				return [oneOf(path, here, issue.options.map(String))];
			const what =
				here === undefined ? "is missing" : `${show(here)} does not fit`;
			return [{ path, what, instead: write(kindOf(shape), shape) }];
		}
		case "too_small":
		case "too_big": {
			if (typeof here === "string" || Array.isArray(here))
				return [
					{
						path,
						what: here.length === 0 ? "is empty" : "has a wrong length",
						instead: write(kindOf(shape), shape),
					},
				];
			const [bound, limit] =
				issue.code === "too_small"
					? [
							issue.inclusive === false ? "more than" : "at least",
							issue.minimum,
						]
					: [
							issue.inclusive === false ? "less than" : "at most",
							issue.maximum,
						];
			return [
				{ path, what: `is ${show(here)}`, instead: `write ${bound} ${limit}` },
			];
		}
		case "invalid_key":
			return [{ path, what: issue.issues[0]?.message ?? issue.message }];
		case "invalid_format":
			return [
				{
					path,
					what: `${show(here)} has not the right form`,
					instead: write(kindOf(shape), shape),
				},
			];
		default:
			// A check of our own: its message says what to write, too.
			return [{ path, what: issue.message }];
	}
}

/** What to write instead: a kind of value, and in brackets what it is for. */
function write(kind: string | undefined, shape: Shape | undefined): string {
	const [purpose] = shape?.description?.split(/\.(?: |$)/, 1) ?? [];
	const brackets = purpose ? `(${lower(purpose)})` : undefined;
	return ["write", kind ?? "another value", brackets].filter(Boolean).join(" ");
}

/** The kind of value that a schema takes, in words. */
function kindOf(shape: Shape | undefined): string | undefined {
	if (shape?.const !== undefined) return JSON.stringify(shape.const);
	const branches = shape?.oneOf ?? shape?.anyOf;
	if (branches) {
		const kinds = branches.map(kindOf).filter((kind) => kind !== undefined);
		return [...new Set(kinds)].join(" or ") || undefined;
	}
	return KINDS[shape?.format ?? ""] ?? KINDS[shape?.type ?? ""];
}

function oneOf(path: string[], here: unknown, options: string[]): Problem {
	const guess = typeof here === "string" && didYouMean(here, options);
	return {
		path,
		what: here === undefined ? "is missing" : `is ${show(here)}`,
		instead: guess
			? `did you mean "${guess}"?`
			: `write one of ${options.join(", ")}`,
	};
}

/** Follows a path through a schema; where the schema branches, the branch whose constants agree with the value. */
function shapeAt(
	root: Shape,
	value: unknown,
	path: string[],
): Shape | undefined {
	let shape: Shape | undefined = choose(root, value);
	let node = value;
	for (const key of path) {
		node = valueAt(node, [key]);
		const next: Shape | false | undefined =
			shape?.properties?.[key] ?? shape?.items ?? shape?.additionalProperties;
		shape = next ? choose(next, node) : undefined;
	}
	return shape;
}

function choose(shape: Shape, value: unknown): Shape {
	const fits = (branch: Shape) =>
		Object.entries(branch.properties ?? {}).every(
			([key, property]) =>
				property.const === undefined ||
				property.const === valueAt(value, [key]),
		);
	const branches = shape.oneOf ?? shape.anyOf;
	return branches?.find((branch) => branch.properties && fits(branch)) ?? shape;
}

/** True where the two are near enough to be a slip of the finger, or one begins the other. */
function isSlip(word: string, guess: string): boolean {
	const [a, b] = [word.toLowerCase(), guess.toLowerCase()];
	if (a.startsWith(b) || b.startsWith(a)) return true;
	return distance(a, b) <= Math.max(2, Math.floor(guess.length / 3));
}

/** A value as a message names it; long texts by their kind only. */
function show(value: unknown): string {
	if (Array.isArray(value)) return "a list";
	if (value === null) return "null";
	if (typeof value === "object") return "an object";
	const text = hideSecrets(JSON.stringify(value));
	return text.length > 40 ? "a long text" : text;
}

function lower(text: string): string {
	return text.charAt(0).toLowerCase() + text.slice(1);
}
