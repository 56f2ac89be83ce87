// Which tools an agent has, how a model is told of them, and how a call of one is run.

import * as z from "zod/mini";
import { AeonError, describeError } from "../core/errors.ts";
import type { ToolCall } from "../core/message.ts";
import { describeIssues } from "../core/problems.ts";
import { Capture } from "./capture.ts";
import * as registry from "./registry.ts";
import {
	failure,
	type Tool,
	type ToolContext,
	type ToolResult,
} from "./tool.ts";

/** The last resort: tools bound their output themselves, and tighter. */
const MAX_TEXT_BYTES = 100 * 1024;

/** The checked sections of all tools, by their names: `tools` in aeon.json. */
export type ToolSections = Readonly<Record<string, unknown>>;

/**
 * The tools of an agent: those of these names, all where there are none, less those that their settings switch off. By
 * the alphabet, so that every request begins with the same bytes. Throws `config_invalid` for a name that is no tool's.
 */
export function offerTools(
	names: readonly string[] | undefined,
	sections: ToolSections,
): Tool[] {
	const tools = Object.values(registry) as Tool[];
	const known = tools.map(({ name }) => name);
	const stranger = names?.find((name) => !known.includes(name));
	if (stranger !== undefined)
		throw new AeonError(
			"config_invalid",
			`there is no tool ${JSON.stringify(stranger)}; tools are ${known.join(", ")}`,
		);
	return tools
		.filter(({ name }) => !names || names.includes(name))
		.filter((tool) => tool.offered?.(optionsOf(tool, sections)) ?? true)
		.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The tools as a model is told of them, with JSON Schema for their parameters. */
export function toolSpecs(tools: readonly Tool[]) {
	return tools.map(({ name, description, parameters }) => {
		const { $schema, ...schema } = z.toJSONSchema(parameters, {
			io: "input",
			override: ({ jsonSchema }) => {
				// Every whole number is below that: no model has to be told, for a token each time.
				if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER)
					delete jsonSchema.maximum;
			},
		});
		return { name, description, parameters: schema as Record<string, unknown> };
	});
}

/**
 * Runs a call. Whatever goes wrong is a result that the model can act on; only an abort throws, with `signal.reason`.
 * The context has the sections of all tools for options; the tool gets its own.
 */
export async function runTool(
	tools: readonly Tool[],
	{ name, input }: Pick<ToolCall, "name" | "input">,
	context: ToolContext<ToolSections>,
): Promise<ToolResult> {
	context.signal.throwIfAborted();
	const tool = tools.find((one) => one.name === name);
	if (!tool) {
		const names = tools.map((one) => one.name).join(", ") || "none at all";
		return failure(
			`There is no tool ${JSON.stringify(name)}. The tools are: ${names}.`,
		);
	}
	// Some models write null for what they leave out.
	const given = Object.fromEntries(
		Object.entries(input).filter(([, value]) => value !== null),
	);
	const parsed = z.safeParse(tool.parameters, given);
	if (!parsed.success)
		return failure(describeWrong(tool, given, parsed.error.issues));
	try {
		const options = optionsOf(tool, context.options);
		return bounded(await tool.execute(parsed.data, { ...context, options }));
	} catch (error) {
		context.signal.throwIfAborted();
		return bounded(failure(`${name} failed: ${describeError(error)}`));
	}
}

/** A tool's own section; the defaults where aeon.json was not asked. */
function optionsOf(tool: Tool, sections: ToolSections) {
	if (Object.hasOwn(sections, tool.name))
		return sections[tool.name] as Record<string, unknown>;
	return tool.options ? z.parse(tool.options, {}) : {};
}

function describeWrong(
	{ name, parameters }: Tool,
	input: object,
	issues: z.core.$ZodIssue[],
): string {
	const problems = describeIssues(parameters, input, issues).map(
		({ path, what, instead }) =>
			[`${path.join(".")} ${what}`, instead].filter(Boolean).join(": "),
	);
	return `${name} did not run: ${problems.join("; ")}.`;
}

function bounded(result: ToolResult): ToolResult {
	const { output, error } = result;
	return {
		...result,
		output: boundText(output),
		...(error !== undefined && { error: boundText(error) }),
	};
}

function boundText(text: string): string {
	const bytes = Buffer.from(text);
	if (bytes.length <= MAX_TEXT_BYTES) return text;
	const capture = new Capture(MAX_TEXT_BYTES);
	capture.add(bytes);
	return capture.text();
}
