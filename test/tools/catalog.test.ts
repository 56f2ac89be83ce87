import { expect, test } from "bun:test";
import * as z from "zod/mini";
import { offerTools, runTool, toolSpecs } from "../../src/tools/catalog.ts";
import { defineTool, type Tool } from "../../src/tools/tool.ts";
import { openSandbox } from "./sandbox.ts";

const names = (tools: Tool[]) => tools.map(({ name }) => name);

/** A tool that does what the test says. */
function tool(execute: Tool["execute"]): Tool {
	return {
		name: "probe",
		description: "A probe",
		parameters: z.strictObject({
			path: z.string(),
			count: z.optional(z.int()),
		}),
		execute,
	};
}

test("an agent has the tools it names, all where it names none, by the alphabet", () => {
	expect(names(offerTools(undefined, {}))).toEqual([
		"exec",
		"file_read",
		"file_write",
		"memory_forget",
		"memory_save",
		"memory_search",
		"message_send",
		"session_search",
	]);
	expect(names(offerTools(["message_send", "exec"], {}))).toEqual([
		"exec",
		"message_send",
	]);
	expect(names(offerTools([], {}))).toEqual([]);
});

test("a tool that its settings switch off is not offered", () => {
	const sections = { exec: { approval: "off", timeout_seconds: 60, env: {} } };
	expect(names(offerTools(undefined, sections))).toEqual([
		"file_read",
		"file_write",
		"memory_forget",
		"memory_save",
		"memory_search",
		"message_send",
		"session_search",
	]);
	expect(names(offerTools(["exec"], sections))).toEqual([]);
});

test("a name that is no tool's stops the start", () => {
	expect(() => offerTools(["exec", "toString"], {})).toThrow(
		'there is no tool "toString"; tools are exec, file_read, file_write, memory_forget, memory_save, memory_search, message_send, session_search',
	);
});

test("the model is told of the tools in the same few bytes every time", () => {
	const bytes = JSON.stringify(toolSpecs(offerTools(undefined, {})));
	expect(
		JSON.stringify(
			toolSpecs(offerTools(names(offerTools(undefined, {})).reverse(), {})),
		),
	).toBe(bytes);
	expect(bytes.length).toBeLessThan(2900);
});

test("parameters are told as JSON Schema of what the model writes", () => {
	const [spec] = toolSpecs(offerTools(["file_write"], {}));
	expect(spec?.parameters).toEqual({
		type: "object",
		properties: {
			path: { type: "string", description: "A path relative to the workspace" },
			content: { type: "string" },
			mode: { type: "string", enum: ["write", "append"], default: "write" },
		},
		required: ["path", "content"],
		additionalProperties: false,
	});
});

test("a call of a tool that is not there names those that are", async () => {
	using box = openSandbox();
	expect(
		await runTool(
			[tool(() => Promise.reject())],
			{ name: "constructor", input: {} },
			box.context(),
		),
	).toEqual({
		success: false,
		output: "",
		error: 'There is no tool "constructor". The tools are: probe.',
	});
	expect(await runTool([], { name: "x", input: {} }, box.context())).toEqual({
		success: false,
		output: "",
		error: 'There is no tool "x". The tools are: none at all.',
	});
});

test("wrong parameters come back as one sentence that names each of them, and nothing runs", async () => {
	using box = openSandbox();
	const never = tool(() => Promise.reject(new Error("it ran")));
	const { error } = await runTool(
		[never],
		{ name: "probe", input: { count: 1.5, pth: "a" } },
		box.context(),
	);
	expect(error).toBe(
		'probe did not run: path is missing: write a text in quotes; count is 1.5, not a whole number: write a whole number; pth unknown key: did you mean "path"?.',
	);
});

test("null for an optional parameter counts as left out", async () => {
	using box = openSandbox();
	const echo = tool((parameters) =>
		Promise.resolve({ success: true, output: JSON.stringify(parameters) }),
	);
	expect(
		await runTool(
			[echo],
			{ name: "probe", input: { path: "a", count: null } },
			box.context(),
		),
	).toEqual({
		success: true,
		output: '{"path":"a"}',
	});
});

test("a tool gets its own section for options, and its defaults where there is none", async () => {
	using box = openSandbox();
	const greet = defineTool({
		name: "greet",
		description: "Greets",
		parameters: z.object({}),
		options: z.strictObject({ word: z._default(z.string(), "hello") }),
		execute: (_, { options }) =>
			Promise.resolve({ success: true, output: options.word }),
	}) as Tool;
	const greeting = async (options: object) =>
		(
			await runTool(
				[greet],
				{ name: "greet", input: {} },
				box.context({ options: { ...options } }),
			)
		).output;
	expect(await greeting({ other: { word: "no" } })).toBe("hello");
	expect(await greeting({ greet: { word: "moin" } })).toBe("moin");
});

test("a fault in a tool is a failure that the model reads, without a stack", async () => {
	using box = openSandbox();
	const call = { name: "probe", input: { path: "a" } };
	const broken = tool(() => Promise.reject(new TypeError("it broke")));
	const failure = {
		success: false,
		output: "",
		error: "probe failed: it broke",
	};
	expect(await runTool([broken], call, box.context())).toEqual(failure);
	const brokenAtOnce = tool(() => {
		throw new TypeError("it broke");
	});
	expect(await runTool([brokenAtOnce], call, box.context())).toEqual(failure);
});

test("no result is longer than 100 KB, whatever a tool returns", async () => {
	using box = openSandbox();
	const half = "x".repeat(51_200);
	const loud = tool(() =>
		Promise.resolve({
			success: false,
			output: `${half}---${half}`,
			error: `${half}--${half}`,
		}),
	);
	expect(
		await runTool(
			[loud],
			{ name: "probe", input: { path: "a" } },
			box.context(),
		),
	).toEqual({
		success: false,
		output: `${half}\n[… 3 bytes left out …]\n${half}`,
		error: `${half}\n[… 2 bytes left out …]\n${half}`,
	});
});

test("an abort throws its reason, also where the tool says something else", async () => {
	using box = openSandbox();
	const aborter = new AbortController();
	const changed = box.context({ signal: aborter.signal });
	const call = { name: "probe", input: { path: "a" } };
	const other = tool(() => {
		aborter.abort(new Error("stopped"));
		return Promise.reject(new Error("something else"));
	});
	expect(await runTool([other], call, changed).catch(String)).toBe(
		"Error: stopped",
	);
	expect(
		await runTool(
			[tool(() => Promise.reject(new Error("it ran")))],
			call,
			changed,
		).catch(String),
	).toBe("Error: stopped");
});
